import type { Digest } from '../registry/digest.ts';
import { type Area, keyOf } from '../registry/layout.ts';
import { BlobTable } from './blob-table.ts';
import { closeInventory, openInventory } from './closed.ts';
import { IdSet } from './columns.ts';
import { DigestTable } from './digest-table.ts';
import type { DigestId, Inventory, Manifest, Oddity, Repository, Tag, Upload } from './inventory.ts';
import { LayerLinks, LinkTable } from './link-table.ts';
import { Symlinks } from './on-the-way.ts';

/** A repository as far as it has been read. */
export interface Draft {
  readonly index: number;
  readonly name: string;
  readonly directories: Set<Area | 'tags' | 'revisions'>;
  readonly tags: Tag[];
  /** Names of tag directories, with or without `current/link`. */
  readonly tagsSeen: Set<string>;
  readonly uploads: Map<string, Pick<Upload, 'touched' | 'changed' | 'bytes'>>;
}

/** Collects what a reading meets, and closes it into an `Inventory`. */
export class InventoryBuilder {
  /** When the reading began: this machine's clock, ms since the epoch. */
  readonly #began = Date.now();
  readonly #repositories = new Map<string, Draft>();
  readonly #tagNames: string[] = [];
  readonly #tagNameIds = new Map<string, number>();
  readonly revisions = new LinkTable();
  readonly layers = new LayerLinks();
  readonly #history = new LinkTable();
  #blobs = new BlobTable();
  readonly #manifests = new Map<DigestId, Manifest>();
  /** Blobs that were hashed, and whether they are what their name says. */
  readonly whole = new Map<DigestId, boolean>();
  readonly #toldOnce = new Set<string>();
  readonly digests: DigestTable;
  readonly oddities: Oddity[] = [];
  readonly #symlinks = new Symlinks(this.oddities);
  readonly emptyDirectories: string[] = [];

  constructor(digests: DigestTable = new DigestTable()) {
    this.digests = digests;
  }

  /** Repositories so far; may grow while it is gone through. */
  get drafts(): Iterable<Draft> {
    return this.#repositories.values();
  }

  repository(name: string): Draft {
    const known = this.#repositories.get(name);
    if (known !== undefined) return known;
    const draft: Draft = {
      index: this.#repositories.size,
      name,
      directories: new Set(),
      tags: [],
      tagsSeen: new Set(),
      uploads: new Map(),
    };
    this.#repositories.set(name, draft);
    return draft;
  }

  directory(repository: string, area: Area, sub?: 'tags' | 'revisions'): void {
    const { directories } = this.repository(repository);
    directories.add(area);
    if (sub !== undefined) directories.add(sub);
  }

  revision(repository: string, digest: Digest, modified: number | undefined): void {
    this.directory(repository, '_manifests', 'revisions');
    const id = this.digests.intern(digest);
    this.revisions.add(this.repository(repository).index, id, id, modified);
  }

  layerLink(repository: string, path: Digest, target: Digest, modified: number | undefined): void {
    this.directory(repository, '_layers');
    const { index } = this.repository(repository);
    this.layers.own.add(index, this.digests.intern(path), this.digests.intern(target), modified);
  }

  tag(repository: string, name: string, target: Digest, modified: number | undefined): void {
    this.repository(repository).tags.push({ name, target: this.digests.intern(target), modified });
  }

  /** A tag's directory was met; whether it has a `current/link` is known when all is read. */
  tagSeen(repository: string, tag: string): void {
    this.repository(repository).tagsSeen.add(tag);
  }

  history(repository: string, tag: string, digest: Digest, modified: number | undefined): void {
    this.historyOf(this.repository(repository).index, tag, this.digests.intern(digest), modified);
  }

  /** As `history`, by index and id. */
  historyOf(repository: number, tag: string, digest: DigestId, modified: number | undefined): void {
    this.#history.add(repository, this.#tagName(tag), digest, modified);
  }

  /**
   * One file of an upload, with its time and what else tells one: the newest time counts; an unknown one makes the whole
   * upload's age unknown.
   */
  upload(
    repository: string,
    id: string,
    modified: number | undefined,
    bytes: number,
    told: readonly (number | undefined)[] = [],
  ): void {
    this.directory(repository, '_uploads');
    const { uploads } = this.repository(repository);
    const upload = uploads.get(id) ?? { touched: none, changed: none, bytes: 0 };
    uploads.set(id, {
      touched: newest([upload.touched, modified, ...told]),
      changed: newest([upload.changed, modified]),
      bytes: upload.bytes + bytes,
    });
  }

  blob(digest: Digest, size: number, modified: number | undefined): void {
    this.#blobs.add(this.digests.intern(digest), size, modified);
  }

  /** As `blob`, by id. */
  blobOf(id: DigestId, size: number, modified: number | undefined): void {
    this.#blobs.add(id, size, modified);
  }

  /** Bytes of the blob; undefined while it is not known to be there. */
  blobSize(id: DigestId): number | undefined {
    return this.#blobs.size(id);
  }

  /** Takes blobs, and layer links of the repositories that were met so far, from an earlier reading with the same digests. */
  carryOver(known: Inventory): void {
    const parts = openInventory(known);
    this.#blobs = new BlobTable(parts.blobs);
    const indices = new Int32Array(this.#repositories.size).fill(-1);
    for (const { index, name, directories } of this.#repositories.values()) {
      const before = known.repository(name);
      if (before === undefined || before.layerLinkCount === 0) continue;
      indices[index] = before.index;
      directories.add('_layers');
    }
    this.layers.carryOver(parts.layers, indices);
  }

  /** Whether a symbolic link that was met is at `key`, or on the way there. */
  isBehindSymlink(key: string): boolean {
    return this.#symlinks.isOnTheWay(key);
  }

  /** Whether it is the first time that this is asked of `name`: of a thing that shows in many files and is told once. */
  isNewOddity(name: string): boolean {
    if (this.#toldOnce.has(name)) return false;
    this.#toldOnce.add(name);
    return true;
  }

  manifest(id: DigestId, manifest: Manifest): void {
    this.#manifests.set(id, manifest);
  }

  /** Digests whose manifest must be known: targets of revisions and tags, each once. */
  manifestIds(): DigestId[] {
    const seen = new IdSet(this.digests.size);
    const ids: DigestId[] = [];
    const see = (id: DigestId): void => {
      if (seen.add(id)) ids.push(id);
    };
    for (let row = 0; row < this.revisions.length; row++) see(this.revisions.target(row));
    for (const { tags } of this.#repositories.values()) for (const { target } of tags) see(target);
    return ids;
  }

  /** Digests that manifests name as config, layer or child and that are no blob so far. */
  unlistedReferences(): DigestId[] {
    const missing = new Set<DigestId>();
    for (const manifest of this.#manifests.values()) {
      if (manifest.state !== 'ok') continue;
      for (const id of manifest.blobs) if (!this.#blobs.has(id)) missing.add(id);
      for (const id of manifest.children) if (!this.#blobs.has(id)) missing.add(id);
    }
    return [...missing];
  }

  /** The manifest, if it has been read. */
  manifestOf(id: DigestId): Manifest | undefined {
    return this.#manifests.get(id);
  }

  close(): Inventory {
    const drafts = [...this.#repositories.values()];
    const told = new Set(this.oddities.map((oddity) => oddity.key));
    for (const draft of drafts) this.#tagsWithoutCurrent(draft, told);
    const repositories = drafts.map(
      ({ index, name, directories, tags, uploads }): Repository => ({
        index,
        name,
        directories,
        tags,
        uploads: [...uploads].map(([id, { touched, changed, bytes }]): Upload => {
          return { repository: name, id, touched, changed: changed === none ? undefined : changed, bytes };
        }),
        revisionCount: this.revisions.rows(index).length,
        layerLinkCount: this.layers.count(index),
      }),
    );
    return closeInventory({
      began: this.#began,
      digests: this.digests,
      repositories,
      revisions: this.revisions,
      layers: this.layers,
      history: this.#history,
      tagNames: this.#tagNames,
      blobs: this.#blobs,
      manifests: this.#manifests,
      oddities: this.oddities,
      emptyDirectories: this.emptyDirectories,
    });
  }

  #tagsWithoutCurrent(draft: Draft, told: ReadonlySet<string>): void {
    if (draft.tagsSeen.size === 0) return;
    const current = new Set(draft.tags.map((tag) => tag.name));
    for (const tag of draft.tagsSeen) {
      if (current.has(tag)) continue;
      const key = keyOf.tag(draft.name, tag);
      if (told.has(key)) continue;
      this.oddities.push({ kind: 'tag-without-current', key, detail: 'the tag resolves to nothing' });
    }
  }

  #tagName(tag: string): number {
    const known = this.#tagNameIds.get(tag);
    if (known !== undefined) return known;
    const id = this.#tagNames.push(tag) - 1;
    this.#tagNameIds.set(tag, id);
    return id;
  }
}

/** The newest time of no file at all. */
const none = Number.NEGATIVE_INFINITY;

/** Undefined if one of them is not known. */
function newest(times: readonly (number | undefined)[]): number | undefined {
  return times.some((time) => time === undefined) ? undefined : Math.max(...times.map((time) => time ?? 0));
}
