import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { keyOf } from '../registry/layout.ts';
import type { KeepReason, Policy, Removal } from './plan.ts';
import { isYoung } from './reachability.ts';

/**
 * Layer links of `repository` that no manifest kept *there* names, by the path or by what the link's content leads
 * to. Of a repository that keeps manifests the last link stays whatever it is: an object store would lose `_layers`
 * with it, and a 2.x registry the repository. (A 3.x registry does not look for it there.) `old`: how many are not young.
 */
export function deadLinks(
  inventory: Inventory,
  repository: Repository,
  kept: ReadonlyMap<DigestId, KeepReason>,
  policy: Policy,
  allowed: ReadonlySet<string> | undefined,
  owner: Int32Array,
): { readonly removals: Removal[]; readonly old: number } {
  const live = liveLayers(inventory, repository, kept);
  const removals: Removal[] = [];
  let alive = 0;
  let old = 0;
  inventory.eachLayerLink(repository, (path, target, modified) => {
    const digest = inventory.digest(path);
    const key = keyOf.layerLink(repository.name, digest);
    if (live.has(path) || live.has(target)) {
      alive++;
      return;
    }
    // Its blob goes even where the link stays.
    if (owner[target] === -1) owner[target] = repository.index;
    const isLast = alive === 0 && removals.length === repository.layerLinkCount - 1 && kept.size > 0;
    if (allowed?.has(key) === false || (isLast && policy.collectorTakesLinks !== true)) {
      alive++;
      return;
    }
    if (!isYoung(modified, policy.now, policy.untaggedKeepWithin)) old++;
    removals.push({
      kind: 'layer-link',
      key,
      bytes: 0,
      because: 'no manifest that stays in this repository names it',
      repository: repository.name,
      digest,
    });
  });
  return { removals, old };
}

/** Digests that kept manifests name, and what links under these names lead to. */
function liveLayers(
  inventory: Inventory,
  repository: Repository,
  kept: ReadonlyMap<DigestId, KeepReason>,
): Set<DigestId> {
  const live = new Set<DigestId>();
  for (const id of kept.keys()) {
    const manifest = inventory.manifest(id);
    if (manifest?.state !== 'ok') continue;
    for (const blob of manifest.blobs) live.add(blob);
    for (const blob of manifest.foreign) live.add(blob);
    // An index may name blobs, not manifests, as its children: BuildKit's registry cache does, and its layers hang on
    // nothing but their layer links.
    for (const child of manifest.children) live.add(child);
  }
  inventory.eachLayerLink(repository, (path, target) => {
    if (path !== target && live.has(path)) live.add(target);
  });
  return live;
}
