import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { keyOf } from '../registry/layout.ts';
import type { KeepReason, Policy } from './plan.ts';
import { isYoung } from './reachability.ts';
import type { RemovalTable } from './removal-table.ts';

/** What decides beside the inventory. */
export interface LeftoverRules {
  readonly policy: Policy;
  readonly isolated: ReadonlySet<string>;
  /** Keys that an earlier look let go; undefined without one. */
  readonly mayGo: ReadonlySet<string> | undefined;
}

/** What of a repository has gone to the table, for those that follow. */
interface Gone {
  /** How many uploads, by the repository's index. */
  readonly uploads: Int32Array;
  /** 1 for a repository that goes itself. */
  readonly repositories: Uint8Array;
}

/**
 * Adds uploads that nothing has touched for `uploads.keepWithin`, and repositories without tags, manifests, young layer
 * links and young uploads, if the user wants them removed. Returns how many repositories go by it: those, and those that
 * have nothing but uploads, all of which go. (The directories of the latter go with the last upload: no registry lists
 * them, and none needs them.)
 */
export function addLeftovers(
  remove: RemovalTable,
  inventory: Inventory,
  kept: readonly ReadonlyMap<DigestId, KeepReason>[],
  rules: LeftoverRules,
): number {
  const { length } = inventory.repositories;
  const gone: Gone = { uploads: new Int32Array(length), repositories: new Uint8Array(length) };
  const repositories = inventory.repositories.filter(({ name }) => !rules.isolated.has(name));
  for (const repository of repositories) addUploads(remove, repository, rules, gone);
  for (const repository of repositories) {
    const { index, name, tags } = repository;
    if (!rules.policy.removeEmptyRepositories || tags.length > 0 || (kept[index]?.size ?? 0) > 0) continue;
    if (hasYoungContent(inventory, repository, rules.policy)) continue;
    if (rules.mayGo?.has(keyOf.repository(name)) === false) continue;
    remove.addRepository(index);
    gone.repositories[index] = 1;
  }
  return repositories.filter((repository) => isGone(repository, gone)).length;
}

function addUploads(
  remove: RemovalTable,
  { index, name, uploads }: Repository,
  { policy, mayGo }: LeftoverRules,
  gone: Gone,
): void {
  for (const [at, { id, touched }] of uploads.entries()) {
    if (isYoung(touched, policy.now, policy.uploadsKeepWithin)) continue;
    if (mayGo?.has(keyOf.upload(name, id)) === false) continue;
    remove.addUpload(index, at);
    gone.uploads[index] = (gone.uploads[index] ?? 0) + 1;
  }
}

function isGone({ index, directories, uploads }: Repository, gone: Gone): boolean {
  if (gone.repositories[index] === 1) return true;
  const uploadsOnly = !directories.has('_layers') && !directories.has('_manifests');
  return uploadsOnly && gone.uploads[index] === uploads.length;
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
