import type { DigestId, Inventory, Repository, WrongSize } from '../inventory/inventory.ts';
import { type Digest, splitDigest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import { homesOf, thingsInTheWay } from './whereabouts.ts';

/** Something unreadable or missing, and what needs it. */
export interface Damage {
  readonly kind:
    | 'tag-without-revision'
    | 'tag-through-layers'
    | 'manifest-missing'
    | 'manifest-damaged'
    | 'manifest-invalid'
    | 'manifest-unknown'
    | 'blob-missing'
    | 'blob-size'
    | 'wrong-descriptor'
    | 'layer-link-missing'
    | 'sparse-index';
  /** Storage key of what is missing or unreadable. */
  readonly key: string;
  readonly repository: string;
  /** The tag that needs it; undefined when none does. */
  readonly tag: string | undefined;
  /** The manifest with which it would go: the tag's, or the one that cannot be read. */
  readonly manifest: Digest;
  readonly detail: string;
}

/** Who needs what an oddity stands in the place of. */
interface Needer {
  readonly repository: string;
  readonly tag: string;
}

export interface DamageFound {
  readonly damage: readonly Damage[];
  /** By the key of an oddity (a malformed link, a symbolic link …): the tag that needs what should be there. */
  readonly needed: ReadonlyMap<string, Needer>;
  /** The key of the oddity that stands at `key`, or on the way there. */
  readonly inTheWay: (key: string) => string | undefined;
}

const found = new WeakMap<Inventory, DamageFound>();

/**
 * What is broken: everything that tags need, and every revision whose manifest cannot be read, tagged or not, since
 * nobody knows what it kept alive. A child whose revision is not in the repository is told (`sparse-index`), and not
 * followed: pushed so on purpose (v3) or deleted since, the repository does not serve it either way. Looked for once
 * per inventory, however often it is asked.
 */
export function findDamage(inventory: Inventory): DamageFound {
  const known = found.get(inventory);
  if (known !== undefined) return known;
  const damage: Damage[] = [];
  const needed = new Map<string, Needer>();
  const inTheWay = thingsInTheWay(inventory);
  const note: Note = (item, missing = item.key) => {
    const { repository, tag } = item;
    const place = tag === undefined ? undefined : inTheWay(missing);
    if (tag === undefined || place === undefined) damage.push(item);
    else if (!needed.has(place)) needed.set(place, { repository, tag });
  };
  const homes = homesOf(inventory);
  for (const repository of inventory.repositories) inspectRepository(inventory, repository, homes, note);
  const result = { damage, needed, inTheWay };
  found.set(inventory, result);
  return result;
}

/** Takes what was found. `missing`: the key where something should be, where that is not the damage's own. */
type Note = (damage: Damage, missing?: string) => void;

/** A tag, and the digest of the manifest that it names. */
interface Root {
  readonly tag: string;
  readonly manifest: Digest;
}

function inspectRepository(
  inventory: Inventory,
  repository: Repository,
  homes: (id: DigestId) => string | undefined,
  note: Note,
): void {
  const { name } = repository;
  const linked = linkedBlobs(inventory, repository);
  const seen = new Set<DigestId>();
  const told = new Set<DigestId>();

  function tell(
    kind: Damage['kind'],
    key: string,
    root: Root | undefined,
    digest: Digest,
    text: string,
  ): void {
    const manifest = root?.manifest ?? digest;
    note({ kind, key, repository: name, tag: root?.tag, manifest, detail: text });
  }

  function manifest(id: DigestId, root: Root | undefined): void {
    if (told.has(id)) return;
    const digest = inventory.digest(id);
    const read = inventory.manifest(id);
    const key = keyOf.blob(digest);
    if (read?.state === 'missing' && root !== undefined) {
      tell('manifest-missing', key, root, digest, `the manifest ${digest} is gone`);
    } else if (read?.state === 'damaged') {
      const kind = read.whole ? 'manifest-invalid' : 'manifest-damaged';
      const detail = `the manifest ${digest} cannot be read: ${read.why}`;
      note({ kind, key, repository: name, tag: root?.tag, manifest: digest, detail });
    } else if (read?.state === 'unknown') {
      const detail = `the manifest ${digest} is of no known kind: ${read.why}`;
      note({ kind: 'manifest-unknown', key, repository: name, tag: root?.tag, manifest: digest, detail });
    } else {
      return;
    }
    told.add(id);
  }

  function follow(id: DigestId, root: Root): void {
    if (seen.has(id)) return;
    seen.add(id);
    manifest(id, root);
    const read = inventory.manifest(id);
    if (read?.state !== 'ok') return;
    for (const wrong of read.wrongSizes) wrongSize(id, wrong, root);
    for (const blob of read.blobs) needBlob(blob, root);
    for (const child of read.children) {
      if (inventory.hasRevision(repository, child)) follow(child, root);
      // The layers of a BuildKit cache are children of an index, too.
      else if (linked.has(child)) needBlob(child, root);
      else sparse(id, child, root);
    }
  }

  function wrongSize(id: DigestId, { blob, said, whole }: WrongSize, root: Root): void {
    if (told.has(blob)) return;
    told.add(blob);
    const digest = inventory.digest(blob);
    const detail = `the blob has ${inventory.blobSize(blob)} bytes, the manifest ${inventory.digest(id)} says ${said}`;
    tell(whole ? 'wrong-descriptor' : 'blob-size', keyOf.blob(digest), root, digest, detail);
  }

  function needBlob(id: DigestId, root: Root): void {
    if (told.has(id)) return;
    const digest = inventory.digest(id);
    const target = linked.get(id);
    if (target === undefined) {
      told.add(id);
      if (inventory.hasBlob(id)) {
        const text = `the blob ${digest} is there, but not linked in this repository`;
        tell('layer-link-missing', keyOf.layerLink(name, digest), root, digest, text);
      } else {
        tell('blob-missing', keyOf.blob(digest), root, digest, `the blob ${digest} is gone`);
      }
    } else if (!inventory.hasBlob(target)) {
      told.add(id);
      const key = keyOf.blob(inventory.digest(target));
      tell('blob-missing', key, root, digest, `the blob ${digest} is gone`);
    }
  }

  function sparse(index: DigestId, child: DigestId, root: Root): void {
    if (told.has(child)) return;
    told.add(child);
    const digest = inventory.digest(child);
    const detail = `the index ${inventory.digest(index)} names ${digest}, which this repository does not have`;
    tell('sparse-index', keyOf.revision(name, digest), root, digest, detail);
  }

  for (const tag of repository.tags) {
    const digest = inventory.digest(tag.target);
    const root: Root = { tag: tag.name, manifest: digest };
    if (inventory.hasRevision(repository, tag.target)) {
      follow(tag.target, root);
    } else if (linked.has(tag.target)) {
      const text = `the tag names ${digest}, which is linked as a layer only (as registry 2.1.0 did)`;
      tell('tag-through-layers', keyOf.tag(name, tag.name), root, digest, text);
    } else {
      const home = homes(tag.target);
      const detail = `the tag names ${digest}, which this repository does not have${home === undefined ? '' : ` (${home} has it)`}`;
      const key = keyOf.tag(name, tag.name);
      const item = { kind: 'tag-without-revision', key, repository: name, ...root, detail } as const;
      note(item, keyOf.revision(name, digest));
    }
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
