import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { keyOf } from '../registry/layout.ts';
import type { KeepReason, Policy, Removal } from './plan.ts';
import { isYoung } from './reachability.ts';

/** Uploads that nothing has touched for `uploads.keepWithin`. */
export function oldUploads(
  inventory: Inventory,
  policy: Policy,
  allowed: ReadonlySet<string> | undefined,
): Removal[] {
  const removals: Removal[] = [];
  for (const repository of inventory.repositories) {
    for (const upload of repository.uploads) {
      const key = keyOf.upload(repository.name, upload.id);
      if (isYoung(upload.touched, policy.now, policy.uploadsKeepWithin) || allowed?.has(key) === false)
        continue;
      removals.push({
        kind: 'upload',
        key,
        bytes: upload.bytes,
        because: 'nothing has touched this upload within uploads.keepWithin',
        repository: repository.name,
      });
    }
  }
  return removals;
}

/** Repositories without tags, manifests, young layer links and young uploads, if the user wants them removed. */
export function emptyRepositories(
  inventory: Inventory,
  kept: readonly ReadonlyMap<DigestId, KeepReason>[],
  policy: Policy,
  allowed: ReadonlySet<string> | undefined,
): Removal[] {
  if (!policy.removeEmptyRepositories) return [];
  return inventory.repositories
    .filter((repository) => repository.tags.length === 0 && (kept[repository.index]?.size ?? 0) === 0)
    .filter((repository) => !hasYoungContent(inventory, repository, policy))
    .map(
      (repository): Removal => ({
        kind: 'repository',
        key: keyOf.repository(repository.name),
        bytes: 0,
        because: 'it holds no tag and no manifest',
        repository: repository.name,
      }),
    )
    .filter((removal) => allowed?.has(removal.key) !== false);
}

/**
 * How many repositories have nothing but uploads, all of which are among `removals`. Their directories go with the
 * last upload: no registry lists them, and none needs them.
 */
export function countOfUploadsOnly(inventory: Inventory, removals: readonly Removal[]): number {
  const gone = new Set(removals.map(({ key }) => key));
  return inventory.repositories.filter(
    ({ name, directories, uploads }) =>
      !directories.has('_layers') &&
      !directories.has('_manifests') &&
      !gone.has(keyOf.repository(name)) &&
      uploads.every(({ id }) => gone.has(keyOf.upload(name, id))),
  ).length;
}

function hasYoungContent(inventory: Inventory, repository: Repository, policy: Policy): boolean {
  let young = repository.uploads.some((upload) =>
    isYoung(upload.touched, policy.now, policy.uploadsKeepWithin),
  );
  inventory.eachLayerLink(repository, (_path, _target, modified) => {
    if (isYoung(modified, policy.now, policy.untaggedKeepWithin)) young = true;
  });
  return young;
}
