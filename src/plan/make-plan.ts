import { collectorOf } from '../config/collector.ts';
import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { findDamage } from './damage.ts';
import { deadLinks } from './dead-links.ts';
import { fingerprint } from './fingerprint.ts';
import { IdSet } from './id-set.ts';
import { damagedRepositories, eachLinkedTo } from './isolate.ts';
import { addLeftovers } from './leftovers.ts';
import { type LetGoOf, letGo } from './let-go.ts';
import { Owners } from './owners.ts';
import type { Keep, KeepReason, Kept, Plan, Policy } from './plan.ts';
import { keepManifests } from './reachability.ts';
import { RemovalTable } from './removal-table.ts';
import { unnamedBlobs } from './unnamed-blobs.ts';

/**
 * Decides what goes from what was read. Pure: no I/O, no clock. With `first` (an earlier plan for the same storage),
 * only what that plan let go as well may go: the result is the intersection, with figures to match. (Of blobs with the
 * native collector only: which ones the registry's own takes is not up to us.)
 */
export function makePlan(inventory: Inventory, policy: Policy, first?: Plan): Plan {
  const native = collectorOf(policy) === 'native';
  const isolated = policy.damage === 'isolate' ? damagedRepositories(inventory) : new Set<string>();
  const earlier = first === undefined ? undefined : letGo(first, inventory);
  const remove = new RemovalTable(inventory);
  const marked = new Uint8Array(inventory.digestCount);
  const owners = new Owners(inventory);
  const listed = idsOf(inventory, policy.protect);
  const live = new IdSet(inventory.digestCount);
  const { detours } = findDamage(inventory);
  const awaited = new IdSet(inventory.digestCount);
  const manifests: ReadonlyMap<DigestId, KeepReason>[] = [];
  const linksRemoved = new Int32Array(inventory.repositories.length);
  let nextAt: number | undefined;
  let oldLinks = 0;
  eachLinkedTo(inventory, isolated, (id) => {
    marked[id] = 1;
  });
  for (const repository of inventory.repositories) {
    const { index, name } = repository;
    if (isolated.has(name)) {
      manifests[index] = allRevisions(inventory, repository, 'isolated');
      continue;
    }
    const before = earlier?.of(repository);
    const mayGo = before && ((id: DigestId) => before.revisions.has(id));
    const keeps = keepManifests(inventory, repository, { ...policy, listed, mayGo });
    manifests[index] = keeps.reasons;
    if (keeps.nextAt !== undefined) nextAt = Math.min(nextAt ?? Number.POSITIVE_INFINITY, keeps.nextAt);
    markManifests(inventory, keeps.reasons.keys(), marked);
    addManifests(remove, inventory, repository, keeps.reasons, before, owners);
    const rules = { policy, native, mayGo: before?.layerLinks, live, detours };
    oldLinks += deadLinks(inventory, repository, keeps.reasons, rules, {
      onNamed(id) {
        marked[id] = 1;
      },
      onDetour(target) {
        // The registry's collector takes no notice of what a link holds.
        if (native) marked[target] = 1;
      },
      onDead: (target) => owners.add(target, index),
      onYoung: (target) => awaited.add(target),
      onRemove(path) {
        remove.addLayerLink(index, path);
        linksRemoved[index] = (linksRemoved[index] ?? 0) + 1;
      },
    });
  }
  const freed = new Float64Array(inventory.repositories.length);
  const blobRules = { policy, native, awaited, mayGo: earlier?.blobs };
  const blobs = unnamedBlobs(inventory, marked, blobRules, (id, size) => {
    remove.addBlob(id);
    const repository = owners.of(id);
    if (repository !== undefined) freed[repository] = (freed[repository] ?? 0) + size;
  });
  const emptied = addLeftovers(remove, inventory, manifests, { policy, isolated, mayGo: earlier?.keys });
  const result: Kept = { inventory, manifests, marked };
  const kept = countReasons(manifests);
  let store: string | undefined;
  return {
    version: 1,
    get store() {
      store ??= fingerprint(inventory);
      return store;
    },
    madeAt: new Date(policy.now).toISOString(),
    remove,
    keep: eachKept(result),
    repositories: inventory.repositories.map(({ index, name, tags, revisionCount }) => ({
      name,
      tags: tags.length,
      manifestsBefore: revisionCount,
      manifestsAfter: manifests[index]?.size ?? 0,
      layerLinksRemoved: linksRemoved[index] ?? 0,
      bytesFreed: freed[index] ?? 0,
    })),
    isolated,
    totals: {
      before: inventory.counts,
      removed: {
        tags: remove.count('tag'),
        manifests: remove.count('revision'),
        layerLinks: remove.count('layer-link'),
        uploads: remove.count('upload'),
        repositories: emptied,
        ...blobs.gone,
      },
      youngBlobs: blobs.young,
      kept,
      young: { manifests: kept.young, nextAt },
      isolated: isolated.size,
    },
    worthwhile:
      remove.count('tag') + remove.count('revision') + remove.count('repository') + oldLinks > 0 ||
      blobs.gone.blobs > (native ? 0 : blobs.young.blobs),
    kept: result,
  };
}

/** Those of `digests` that the inventory knows. */
function idsOf(inventory: Inventory, digests: Iterable<string>): IdSet {
  const ids = new IdSet(inventory.digestCount);
  for (const digest of digests) ids.add(inventory.find(digest));
  return ids;
}

function allRevisions(
  inventory: Inventory,
  repository: Repository,
  because: KeepReason,
): ReadonlyMap<DigestId, KeepReason> {
  const reasons = new Map<DigestId, KeepReason>();
  inventory.eachRevision(repository, (id) => reasons.set(id, because));
  return reasons;
}

/** The registry's collector passes over a manifest whose blob is gone. */
function markManifests(inventory: Inventory, ids: Iterable<DigestId>, marked: Uint8Array): void {
  for (const id of ids) if (inventory.manifest(id)?.state !== 'missing') marked[id] = 1;
}

/** Revisions that go, and the tag history that names what goes or is gone. */
function addManifests(
  remove: RemovalTable,
  inventory: Inventory,
  repository: Repository,
  kept: ReadonlyMap<DigestId, KeepReason>,
  mayGo: LetGoOf | undefined,
  owners: Owners,
): void {
  inventory.eachHistory(repository, (tag, id) => {
    if (kept.has(id) || mayGo?.hasHistory(tag, id) === false) return;
    remove.addHistory(repository.index, tag, id);
  });
  inventory.eachRevision(repository, (id) => {
    if (kept.has(id)) return;
    owners.add(id, repository.index);
    const manifest = inventory.manifest(id);
    if (manifest?.state === 'ok') for (const blob of manifest.blobs) owners.add(blob, repository.index);
    remove.addRevision(repository.index, id);
  });
}

function countReasons(manifests: readonly ReadonlyMap<DigestId, KeepReason>[]): Record<KeepReason, number> {
  const counts: Record<KeepReason, number> = {
    tagged: 0,
    child: 0,
    referrer: 0,
    protected: 0,
    young: 0,
    changed: 0,
    unreadable: 0,
    isolated: 0,
  };
  for (const reasons of manifests) for (const reason of reasons.values()) counts[reason]++;
  return counts;
}

function eachKept(kept: Kept): Iterable<Keep> {
  return {
    *[Symbol.iterator](): Generator<Keep> {
      for (const repository of kept.inventory.repositories) {
        for (const [id, because] of kept.manifests[repository.index] ?? []) {
          yield { repository: repository.name, digest: kept.inventory.digest(id), because };
        }
      }
    },
  };
}
