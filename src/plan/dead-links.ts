import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import type { IdSet } from './id-set.ts';
import type { KeepReason, Policy } from './plan.ts';
import { isYoung } from './reachability.ts';

/** What decides beside the inventory, and room to work in. */
export interface LinkRules {
  readonly policy: Policy;
  readonly native: boolean;
  /** What an earlier look let go of the repository; undefined without one. */
  readonly mayGo: IdSet | undefined;
  /** For digests that kept manifests name; emptied first. */
  readonly live: IdSet;
  /** Whether there are links that lead to another digest than that in their path. */
  readonly detours: boolean;
}

/** What is told. */
export interface LinkVisitor {
  /** A manifest that stays names it: a config, a layer (foreign ones too), or a child. */
  readonly onNamed: (id: DigestId) => void;
  /** A manifest that stays names the path of a link, whose content leads here instead. */
  readonly onDetour: (target: DigestId) => void;
  /** Nothing that stays names the link or what it leads to: the blob goes, unless something else holds it, link or no link. */
  readonly onDead: (target: DigestId) => void;
  /** A dead link stays because it is young, and what it leads to with it: a push may be under way. */
  readonly onYoung: (target: DigestId) => void;
  readonly onRemove: (path: DigestId) => void;
}

/**
 * Finds the layer links of `repository` that no manifest kept *there* names, by the path or by what the link's content
 * leads to. Of a repository that keeps manifests the last link stays whatever it is: an object store would lose `_layers`
 * with it, and a 2.x registry the repository. (A 3.x registry does not look for it there.) With the native collector
 * young ones stay. Returns how many of those that go are not young.
 */
export function deadLinks(
  inventory: Inventory,
  repository: Repository,
  kept: ReadonlyMap<DigestId, KeepReason>,
  { policy, native, mayGo, live, detours }: LinkRules,
  visitor: LinkVisitor,
): number {
  nameLive(inventory, kept, live, visitor);
  if (detours) followDetours(inventory, repository, live, visitor);
  let alive = 0;
  let removed = 0;
  let old = 0;
  inventory.eachLayerLink(repository, (path, target, modified) => {
    if (live.has(path) || live.has(target)) {
      alive++;
      return;
    }
    visitor.onDead(target);
    const young = isYoung(modified, policy.now, policy.untaggedKeepWithin);
    if (native && young) {
      alive++;
      visitor.onYoung(target);
      return;
    }
    const isLast = alive === 0 && removed === repository.layerLinkCount - 1 && kept.size > 0;
    if (mayGo?.has(path) === false || (isLast && policy.collectorTakesLinks !== true)) {
      alive++;
      return;
    }
    if (!young) old++;
    removed++;
    visitor.onRemove(path);
  });
  return old;
}

/** Digests that kept manifests name. */
function nameLive(
  inventory: Inventory,
  kept: ReadonlyMap<DigestId, KeepReason>,
  live: IdSet,
  { onNamed }: LinkVisitor,
): void {
  live.clear();
  function name(id: DigestId): void {
    live.add(id);
    onNamed(id);
  }
  for (const id of kept.keys()) {
    const manifest = inventory.manifest(id);
    if (manifest?.state !== 'ok') continue;
    for (const blob of manifest.blobs) name(blob);
    for (const blob of manifest.foreign) name(blob);
    // An index may name blobs, not manifests, as its children: BuildKit's registry cache does, and its layers hang on
    // nothing but their layer links.
    for (const child of manifest.children) name(child);
  }
}

/** What links under live names lead to. */
function followDetours(
  inventory: Inventory,
  repository: Repository,
  live: IdSet,
  { onDetour }: LinkVisitor,
): void {
  inventory.eachLayerLink(repository, (path, target) => {
    if (path === target || !live.has(path)) return;
    live.add(target);
    onDetour(target);
  });
}
