import type { DigestId, Inventory, Repository, Tag, WrongSize } from '../inventory/inventory.ts';
import type { Digest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import { IdMap, IdSet } from './id-set.ts';
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
  /** Whether any layer link leads to another digest than that in its path: nearly nowhere does one. */
  readonly detours: boolean;
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
  const size = inventory.digestCount;
  const room: Room = { linked: new IdMap(size), seen: new IdSet(size), told: new IdSet(size) };
  const homes = homesOf(inventory);
  let detours = false;
  for (const repository of inventory.repositories) {
    for (const one of [room.linked, room.seen, room.told]) one.clear();
    inventory.eachLayerLink(repository, (path, target) => {
      room.linked.set(path, target);
      if (path !== target) detours = true;
    });
    inspectRepository(inventory, repository, { homes, note, room });
  }
  const result = { damage, needed, inTheWay, detours };
  found.set(inventory, result);
  return result;
}

/** Takes what was found. `missing`: the key where something should be, where that is not the damage's own. */
type Note = (damage: Damage, missing?: string) => void;

/** A tag, and what it names. Texts are made only of what is told: nearly always there is nothing. */
type Root = Pick<Tag, 'name' | 'target'>;

/** What is known of one repository, and then of the next. */
interface Room {
  /** Its layer links: digest in the path → digest that the content leads to. */
  readonly linked: IdMap;
  readonly seen: IdSet;
  readonly told: IdSet;
}

function inspectRepository(
  inventory: Inventory,
  repository: Repository,
  context: {
    readonly homes: (id: DigestId) => string | undefined;
    readonly note: Note;
    readonly room: Room;
  },
): void {
  const { name } = repository;
  const { homes, note, room } = context;
  const { linked, seen, told } = room;

  function tell(
    kind: Damage['kind'],
    key: string,
    root: Root | undefined,
    digest: Digest,
    text: string,
  ): void {
    const manifest = root === undefined ? digest : inventory.digest(root.target);
    note({ kind, key, repository: name, tag: root?.name, manifest, detail: text });
  }

  function manifest(id: DigestId, root: Root | undefined): void {
    const read = inventory.manifest(id);
    if (read === undefined || read.state === 'ok' || told.has(id)) return;
    if (read.state === 'missing' && root === undefined) return;
    told.add(id);
    const digest = inventory.digest(id);
    const key = keyOf.blob(digest);
    const tag = root?.name;
    if (read.state === 'missing') {
      tell('manifest-missing', key, root, digest, `the manifest ${digest} is gone`);
    } else if (read.state === 'damaged') {
      const kind = read.whole ? 'manifest-invalid' : 'manifest-damaged';
      const detail = `the manifest ${digest} cannot be read: ${read.why}`;
      note({ kind, key, repository: name, tag, manifest: digest, detail });
    } else {
      const detail = `the manifest ${digest} is of no known kind: ${read.why}`;
      note({ kind: 'manifest-unknown', key, repository: name, tag, manifest: digest, detail });
    }
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
    const target = linked.get(id);
    if ((target !== -1 && inventory.hasBlob(target)) || told.has(id)) return;
    told.add(id);
    const digest = inventory.digest(id);
    if (target === -1 && inventory.hasBlob(id)) {
      const text = `the blob ${digest} is there, but not linked in this repository`;
      tell('layer-link-missing', keyOf.layerLink(name, digest), root, digest, text);
    } else {
      const key = keyOf.blob(target === -1 ? digest : inventory.digest(target));
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
    if (inventory.hasRevision(repository, tag.target)) {
      follow(tag.target, tag);
      continue;
    }
    const digest = inventory.digest(tag.target);
    const key = keyOf.tag(name, tag.name);
    if (linked.has(tag.target)) {
      const text = `the tag names ${digest}, which is linked as a layer only (as registry 2.1.0 did)`;
      tell('tag-through-layers', key, tag, digest, text);
    } else {
      const home = homes(tag.target);
      const detail = `the tag names ${digest}, which this repository does not have${home === undefined ? '' : ` (${home} has it)`}`;
      const item = { key, repository: name, tag: tag.name, manifest: digest, detail };
      note({ kind: 'tag-without-revision', ...item }, keyOf.revision(name, digest));
    }
  }
  inventory.eachRevision(repository, (id) => manifest(id, undefined));
}
