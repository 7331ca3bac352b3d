import { createHash } from 'node:crypto';
import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { keyOf } from '../registry/layout.ts';
import { deadLinks } from './dead-links.ts';
import { countOfUploadsOnly, emptyRepositories, oldUploads } from './leftovers.ts';
import type { Keep, KeepReason, Kept, Plan, Policy, Removal, RepositoryPlan } from './plan.ts';
import { isYoung, keepManifests } from './reachability.ts';
import { removalsOf } from './removals.ts';

/**
 * Decides what goes from what was read. Pure: no I/O, no clock. With `first` (an earlier plan for the same storage),
 * only what that plan let go as well may go: the result is the intersection, with figures to match.
 */
export function makePlan(inventory: Inventory, policy: Policy, first?: Plan): Plan {
  const allowed = first === undefined ? undefined : new Set(Array.from(first.remove, ({ key }) => key));
  const remove: Removal[] = [];
  const manifests: ReadonlyMap<DigestId, KeepReason>[] = [];
  const repositories: RepositoryPlan[] = [];
  const marked = new Uint8Array(inventory.digestCount);
  const owner = new Int32Array(inventory.digestCount).fill(-1);
  const kept: Record<KeepReason, number> = {
    tagged: 0,
    child: 0,
    referrer: 0,
    protected: 0,
    young: 0,
    changed: 0,
    unreadable: 0,
  };
  let nextAt: number | undefined;
  let oldLinks = 0;
  for (const repository of inventory.repositories) {
    const keeps = keepManifests(
      inventory,
      repository,
      policy,
      allowed === undefined
        ? undefined
        : (id) => allowed.has(keyOf.revision(repository.name, inventory.digest(id))),
    );
    manifests[repository.index] = keeps.reasons;
    for (const reason of keeps.reasons.values()) kept[reason]++;
    if (keeps.nextAt !== undefined) nextAt = Math.min(nextAt ?? Number.POSITIVE_INFINITY, keeps.nextAt);
    markReferences(inventory, keeps.reasons.keys(), marked);
    append(remove, deadManifests(inventory, repository, keeps.reasons, allowed, owner));
    const links = deadLinks(inventory, repository, keeps.reasons, policy, allowed, owner);
    append(remove, links.removals);
    oldLinks += links.old;
    repositories.push({
      name: repository.name,
      tags: repository.tags.length,
      manifestsBefore: repository.revisionCount,
      manifestsAfter: keeps.reasons.size,
      layerLinksRemoved: links.removals.length,
      bytesFreed: 0,
    });
  }
  const blobs = unmarkedBlobs(inventory, marked, policy);
  const freed = bytesByRepository(inventory, blobs.ids, owner, repositories.length);
  const leftovers = [
    ...oldUploads(inventory, policy, allowed),
    ...emptyRepositories(inventory, manifests, policy, allowed),
  ];
  for (const id of blobs.ids) {
    remove.push({
      kind: 'blob',
      key: keyOf.blob(inventory.digest(id)),
      bytes: inventory.blobSize(id),
      because: 'no manifest that stays names it',
      digest: inventory.digest(id),
    });
  }
  append(remove, leftovers);
  const count = countKinds(remove);
  const result: Kept = { inventory, manifests, marked };
  return {
    version: 1,
    store: fingerprint(inventory),
    madeAt: new Date(policy.now).toISOString(),
    remove: removalsOf(remove),
    keep: eachKept(result),
    repositories: repositories.map((figures, index) => ({ ...figures, bytesFreed: freed[index] ?? 0 })),
    totals: {
      before: inventory.counts,
      removed: {
        tags: count('tag'),
        manifests: count('revision'),
        layerLinks: count('layer-link'),
        uploads: count('upload'),
        repositories: count('repository') + countOfUploadsOnly(inventory, leftovers),
        blobs: blobs.ids.length,
        bytes: blobs.bytes,
      },
      youngBlobs: blobs.young,
      kept,
      young: { manifests: kept.young, nextAt },
    },
    worthwhile:
      count('tag') + count('revision') + count('repository') + oldLinks > 0 ||
      blobs.ids.length > blobs.young.blobs,
    kept: result,
  };
}

function countKinds(removals: readonly Removal[]): (kind: Removal['kind']) => number {
  const counts = new Map<Removal['kind'], number>();
  for (const { kind } of removals) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return (kind) => counts.get(kind) ?? 0;
}

/** Without spreading: a call takes no more than some 100,000 arguments. */
function append<T>(all: T[], more: readonly T[]): void {
  for (const item of more) all.push(item);
}

/** What the registry's collector marks for a manifest: itself, config, layers (foreign ones too), children by digest. */
function markReferences(inventory: Inventory, ids: Iterable<DigestId>, marked: Uint8Array): void {
  for (const id of ids) {
    const manifest = inventory.manifest(id);
    // It passes over a manifest whose blob is gone.
    if (manifest?.state === 'missing') continue;
    marked[id] = 1;
    if (manifest?.state !== 'ok') continue;
    for (const named of manifest.blobs) marked[named] = 1;
    for (const named of manifest.foreign) marked[named] = 1;
    for (const named of manifest.children) marked[named] = 1;
  }
}

/** Revisions that go, each after the tag history that names it. */
function deadManifests(
  inventory: Inventory,
  repository: Repository,
  kept: ReadonlyMap<DigestId, KeepReason>,
  allowed: ReadonlySet<string> | undefined,
  owner: Int32Array,
): Removal[] {
  const { name } = repository;
  const removals: Removal[] = [];
  inventory.eachHistory(repository, (tag, id) => {
    if (kept.has(id)) return;
    const digest = inventory.digest(id);
    const key = keyOf.tagHistory(name, tag, digest);
    if (allowed?.has(key) === false) return;
    const because = `the history of tag ${tag} names a manifest that goes, or is gone`;
    removals.push({ kind: 'tag-history', key, bytes: 0, because, repository: name, digest });
  });
  inventory.eachRevision(repository, (id) => {
    if (kept.has(id)) return;
    const digest = inventory.digest(id);
    own(owner, id, repository.index);
    const manifest = inventory.manifest(id);
    if (manifest?.state === 'ok') for (const blob of manifest.blobs) own(owner, blob, repository.index);
    removals.push({
      kind: 'revision',
      key: keyOf.revision(name, digest),
      bytes: 0,
      because:
        manifest?.state === 'missing'
          ? 'no tag, index or subject leads to it, and its content is gone'
          : 'no tag, index or subject leads to it',
      repository: name,
      digest,
    });
  });
  return removals;
}

function own(owner: Int32Array, id: DigestId, repository: number): void {
  if (owner[id] === -1) owner[id] = repository;
}

function unmarkedBlobs(
  inventory: Inventory,
  marked: Uint8Array,
  policy: Policy,
): { ids: DigestId[]; bytes: number; young: { blobs: number; bytes: number } } {
  const ids: DigestId[] = [];
  let bytes = 0;
  const young = { blobs: 0, bytes: 0 };
  inventory.eachBlob((id, size, modified) => {
    if (marked[id] === 1) return;
    ids.push(id);
    bytes += size;
    if (!isYoung(modified, policy.now, policy.untaggedKeepWithin)) return;
    young.blobs++;
    young.bytes += size;
  });
  return { ids, bytes, young };
}

function bytesByRepository(
  inventory: Inventory,
  ids: readonly DigestId[],
  owner: Int32Array,
  count: number,
): Float64Array {
  const freed = new Float64Array(count);
  for (const id of ids) {
    const repository = owner[id] ?? -1;
    if (repository !== -1) freed[repository] = (freed[repository] ?? 0) + inventory.blobSize(id);
  }
  return freed;
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

/** Of every reference that a decision rests on: tags and revisions. */
function fingerprint(inventory: Inventory): string {
  const hash = createHash('sha256');
  const names = inventory.repositories.map((repository) => repository.name).sort();
  for (const name of names) {
    const repository = inventory.repository(name);
    if (repository === undefined) continue;
    const lines = repository.tags.map((tag) => `t ${tag.name} ${inventory.digest(tag.target)}`);
    inventory.eachRevision(repository, (id) => lines.push(`r ${inventory.digest(id)}`));
    hash.update(`${JSON.stringify(name)}\n${lines.sort().join('\n')}\n`);
  }
  return `sha256:${hash.digest('hex')}`;
}
