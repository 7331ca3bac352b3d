import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { splitDigest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';

/** Something unreadable or missing, and what needs it. */
export interface Damage {
  readonly kind:
    | 'tag-without-revision'
    | 'tag-through-layers'
    | 'manifest-missing'
    | 'manifest-damaged'
    | 'manifest-unknown'
    | 'blob-missing'
    | 'layer-link-missing'
    | 'sparse-index';
  /** Storage key of what is missing or unreadable. */
  readonly key: string;
  readonly repository: string;
  /** The tag that needs it; undefined when none does. */
  readonly tag: string | undefined;
  readonly detail: string;
}

/**
 * What is broken: everything that tags need, and every revision whose manifest cannot be read, tagged or not, since
 * nobody knows what it kept alive. A child whose revision is not in the repository is told (`sparse-index`), and not
 * followed: pushed so on purpose (v3) or deleted since, the repository does not serve it either way.
 */
export function findDamage(inventory: Inventory): Damage[] {
  const damage: Damage[] = [];
  for (const repository of inventory.repositories) inspectRepository(inventory, repository, damage);
  return damage;
}

function inspectRepository(inventory: Inventory, repository: Repository, damage: Damage[]): void {
  const { name } = repository;
  const linked = linkedBlobs(inventory, repository);
  const seen = new Set<DigestId>();
  const told = new Set<DigestId>();

  function manifest(id: DigestId, tag: string | undefined): void {
    if (told.has(id)) return;
    const digest = inventory.digest(id);
    const found = inventory.manifest(id);
    const key = keyOf.blob(digest);
    if (found?.state === 'missing' && tag !== undefined) {
      damage.push({
        kind: 'manifest-missing',
        key,
        repository: name,
        tag,
        detail: `the manifest ${digest} is gone`,
      });
    } else if (found?.state === 'damaged') {
      const detail = `the manifest ${digest} cannot be read: ${found.why}`;
      damage.push({ kind: 'manifest-damaged', key, repository: name, tag, detail });
    } else if (found?.state === 'unknown') {
      const detail = `the manifest ${digest} is of no known kind: ${found.why}`;
      damage.push({ kind: 'manifest-unknown', key, repository: name, tag, detail });
    } else {
      return;
    }
    told.add(id);
  }

  function follow(id: DigestId, tag: string): void {
    if (seen.has(id)) return;
    seen.add(id);
    manifest(id, tag);
    const found = inventory.manifest(id);
    if (found?.state !== 'ok') return;
    for (const blob of found.blobs) needBlob(blob, tag);
    for (const child of found.children) {
      if (inventory.hasRevision(repository, child)) follow(child, tag);
      // The layers of a BuildKit cache are children of an index, too.
      else if (linked.has(child)) needBlob(child, tag);
      else sparse(id, child, tag);
    }
  }

  function needBlob(id: DigestId, tag: string): void {
    if (told.has(id)) return;
    const digest = inventory.digest(id);
    const target = linked.get(id);
    if (target === undefined) {
      told.add(id);
      const present = inventory.hasBlob(id) ? 'is there, but not linked in this repository' : 'is gone';
      const kind = inventory.hasBlob(id) ? 'layer-link-missing' : 'blob-missing';
      const key = inventory.hasBlob(id) ? keyOf.layerLink(name, digest) : keyOf.blob(digest);
      damage.push({ kind, key, repository: name, tag, detail: `the blob ${digest} ${present}` });
    } else if (!inventory.hasBlob(target)) {
      told.add(id);
      const key = keyOf.blob(inventory.digest(target));
      damage.push({ kind: 'blob-missing', key, repository: name, tag, detail: `the blob ${digest} is gone` });
    }
  }

  function sparse(index: DigestId, child: DigestId, tag: string): void {
    if (told.has(child)) return;
    told.add(child);
    const digest = inventory.digest(child);
    damage.push({
      kind: 'sparse-index',
      key: keyOf.revision(name, digest),
      repository: name,
      tag,
      detail: `the index ${inventory.digest(index)} names ${digest}, which this repository does not have`,
    });
  }

  for (const tag of repository.tags) {
    if (inventory.hasRevision(repository, tag.target)) {
      follow(tag.target, tag.name);
      continue;
    }
    const digest = inventory.digest(tag.target);
    const through = linked.has(tag.target);
    damage.push({
      kind: through ? 'tag-through-layers' : 'tag-without-revision',
      key: keyOf.tag(name, tag.name),
      repository: name,
      tag: tag.name,
      detail: through
        ? `the tag names ${digest}, which is linked as a layer only (as registry 2.1.0 did)`
        : `the tag names ${digest}, which this repository does not have`,
    });
  }
  inventory.eachRevision(repository, (id) => manifest(id, undefined));
}

/** Layer links of a repository: digest in the path → digest that the content leads to. */
function linkedBlobs(inventory: Inventory, repository: Repository): Map<DigestId, DigestId> {
  const linked = new Map<DigestId, DigestId>();
  inventory.eachLayerLink(repository, (path, target) => linked.set(path, target));
  return linked;
}

/** Whether a kept manifest names a blob by anything but its sha256: the registry's collector sweeps such blobs. */
export function namesOtherAlgorithms(inventory: Inventory, id: DigestId): string | undefined {
  const manifest = inventory.manifest(id);
  if (manifest?.state !== 'ok') return undefined;
  for (const named of [...manifest.blobs, ...manifest.children]) {
    const digest = inventory.digest(named);
    if (splitDigest(digest).algorithm !== 'sha256') return digest;
  }
  return undefined;
}
