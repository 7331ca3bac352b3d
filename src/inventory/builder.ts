import type { Digest } from '../registry/digest.ts';
import { type Area, keyOf } from '../registry/layout.ts';
import { FloatColumn, Grouping, IntColumn, RowIndex } from './columns.ts';
import { DigestTable } from './digest-table.ts';
import type { DigestId, Inventory, Manifest, Oddity, Repository, Tag, Upload } from './inventory.ts';
import { Symlinks } from './on-the-way.ts';

interface Draft {
  readonly index: number;
  readonly name: string;
  readonly directories: Set<Area | 'tags' | 'revisions'>;
  readonly tags: Tag[];
  /** Names of tag directories, with or without `current/link`. */
  readonly tagsSeen: Set<string>;
  readonly uploads: Map<string, Pick<Upload, 'touched' | 'changed' | 'bytes'>>;
}

const tables = new WeakMap<Inventory, DigestTable>();

/** The table whose ids `inventory` uses, so that a later reading of the same storage can go on with them. */
export function digestTableOf(inventory: Inventory): DigestTable {
  return tables.get(inventory) ?? new DigestTable();
}

/** Collects what a reading meets, and closes it into an `Inventory`. */
export class InventoryBuilder {
  readonly #repositories = new Map<string, Draft>();
  readonly #tagNames: string[] = [];
  readonly #tagNameIds = new Map<string, number>();
  readonly #revisions = { repository: new IntColumn(), digest: new IntColumn(), modified: new FloatColumn() };
  readonly #layers = {
    repository: new IntColumn(),
    path: new IntColumn(),
    target: new IntColumn(),
    modified: new FloatColumn(),
  };
  readonly #history = {
    repository: new IntColumn(),
    tag: new IntColumn(),
    digest: new IntColumn(),
    modified: new FloatColumn(),
  };
  readonly #blobs = { digest: new IntColumn(), size: new FloatColumn(), modified: new FloatColumn() };
  readonly #manifests = new Map<DigestId, Manifest>();
  readonly #blobRows = new RowIndex(this.#blobs.digest);
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

  hasRepository(name: string): boolean {
    return this.#repositories.has(name);
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
    this.#revisions.repository.push(this.repository(repository).index);
    this.#revisions.digest.push(this.digests.intern(digest));
    this.#revisions.modified.push(modified);
  }

  layerLink(repository: string, path: Digest, target: Digest, modified: number | undefined): void {
    this.directory(repository, '_layers');
    this.#layers.repository.push(this.repository(repository).index);
    this.#layers.path.push(this.digests.intern(path));
    this.#layers.target.push(this.digests.intern(target));
    this.#layers.modified.push(modified);
  }

  tag(repository: string, name: string, target: Digest, modified: number | undefined): void {
    this.repository(repository).tags.push({ name, target: this.digests.intern(target), modified });
  }

  /** A tag's directory was met; whether it has a `current/link` is known when all is read. */
  tagSeen(repository: string, tag: string): void {
    this.repository(repository).tagsSeen.add(tag);
  }

  history(repository: string, tag: string, digest: Digest, modified: number | undefined): void {
    this.#history.repository.push(this.repository(repository).index);
    this.#history.tag.push(this.#tagName(tag));
    this.#history.digest.push(this.digests.intern(digest));
    this.#history.modified.push(modified);
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
    const none = Number.NEGATIVE_INFINITY;
    const upload = uploads.get(id) ?? { touched: none, changed: none, bytes: 0 };
    uploads.set(id, {
      touched: newest([upload.touched, modified, ...told]),
      changed: newest([upload.changed, modified]),
      bytes: upload.bytes + bytes,
    });
  }

  blob(digest: Digest, size: number, modified: number | undefined): void {
    this.#blobs.digest.push(this.digests.intern(digest));
    this.#blobs.size.push(size);
    this.#blobs.modified.push(modified);
  }

  /** Bytes of the blob; undefined while it is not known to be there. */
  blobSize(id: DigestId): number | undefined {
    return this.#blobs.size.at(this.#blobRows.rowOf(id));
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
    const ids = new Set<DigestId>();
    for (let row = 0; row < this.#revisions.digest.length; row++) ids.add(this.#revisions.digest.at(row));
    for (const { tags } of this.#repositories.values()) for (const tag of tags) ids.add(tag.target);
    return [...ids];
  }

  /** Digests that manifests name as config, layer or child and that are no blob so far. */
  unlistedReferences(): DigestId[] {
    const listed = new Set<DigestId>();
    for (let row = 0; row < this.#blobs.digest.length; row++) listed.add(this.#blobs.digest.at(row));
    const missing = new Set<DigestId>();
    for (const manifest of this.#manifests.values()) {
      if (manifest.state !== 'ok') continue;
      for (const id of [...manifest.blobs, ...manifest.children]) if (!listed.has(id)) missing.add(id);
    }
    return [...missing];
  }

  /** The manifest, if it has been read. */
  manifestOf(id: DigestId): Manifest | undefined {
    return this.#manifests.get(id);
  }

  /** What each repository has so far: tags, revisions, and layer links by the digests in their paths. */
  *soFar(): Generator<{
    readonly name: string;
    readonly tags: readonly Tag[];
    readonly revisions: ReadonlySet<DigestId>;
    readonly layers: ReadonlySet<DigestId>;
  }> {
    const drafts = [...this.#repositories.values()];
    const revisions = new Grouping(this.#revisions.repository, drafts.length);
    const layers = new Grouping(this.#layers.repository, drafts.length);
    for (const { index, name, tags } of drafts) {
      yield {
        name,
        tags,
        revisions: idsIn(this.#revisions.digest, revisions.rows(index)),
        layers: idsIn(this.#layers.path, layers.rows(index)),
      };
    }
  }

  close(): Inventory {
    const drafts = [...this.#repositories.values()];
    const told = new Set(this.oddities.map((oddity) => oddity.key));
    for (const draft of drafts) this.#tagsWithoutCurrent(draft, told);
    const revisions = this.#revisions;
    const layers = this.#layers;
    const history = this.#history;
    const blobs = this.#blobs;
    const digests = this.digests;
    const byRepository = {
      revisions: new Grouping(revisions.repository, drafts.length),
      layers: new Grouping(layers.repository, drafts.length),
      history: new Grouping(history.repository, drafts.length),
    };
    const tagNames = this.#tagNames;
    const manifests = this.#manifests;
    const repositories: Repository[] = drafts.map((draft) => ({
      index: draft.index,
      name: draft.name,
      directories: draft.directories,
      tags: draft.tags,
      uploads: [...draft.uploads].map(([id, upload]): Upload => ({ repository: draft.name, id, ...upload })),
      revisionCount: byRepository.revisions.count(draft.index),
      layerLinkCount: byRepository.layers.count(draft.index),
    }));
    const byName = new Map(repositories.map((repository) => [repository.name, repository]));
    const blobRows = this.#blobRows;
    let bytes = 0;
    for (let row = 0; row < blobs.digest.length; row++) bytes += blobs.size.at(row) ?? 0;
    const revisionSets = new Map<number, ReadonlySet<DigestId>>();
    function revisionSet(repository: Repository): ReadonlySet<DigestId> {
      const known = revisionSets.get(repository.index);
      if (known !== undefined) return known;
      const ids = idsIn(revisions.digest, byRepository.revisions.rows(repository.index));
      revisionSets.set(repository.index, ids);
      return ids;
    }
    const inventory: Inventory = {
      counts: {
        repositories: drafts.length,
        tags: drafts.reduce((sum, draft) => sum + draft.tags.length, 0),
        manifests: revisions.digest.length,
        layerLinks: layers.path.length,
        blobs: blobs.digest.length,
        bytes,
      },
      repositories,
      oddities: this.oddities,
      emptyDirectories: this.emptyDirectories,
      digestCount: digests.size,
      digest: (id) => digests.text(id),
      find: (digest) => digests.find(digest),
      repository: (name) => byName.get(name),
      hasBlob: (id) => blobRows.rowOf(id) !== -1,
      blobSize: (id) => blobs.size.at(blobRows.rowOf(id)) ?? 0,
      blobModified: (id) => blobs.modified.at(blobRows.rowOf(id)),
      eachBlob: (visit) => {
        for (let row = 0; row < blobs.digest.length; row++) {
          visit(blobs.digest.at(row), blobs.size.at(row) ?? 0, blobs.modified.at(row));
        }
      },
      eachRevision: (repository, visit) => {
        for (const row of byRepository.revisions.rows(repository.index)) {
          visit(revisions.digest.at(row), revisions.modified.at(row));
        }
      },
      hasRevision: (repository, id) => revisionSet(repository).has(id),
      eachLayerLink: (repository, visit) => {
        for (const row of byRepository.layers.rows(repository.index)) {
          visit(layers.path.at(row), layers.target.at(row), layers.modified.at(row));
        }
      },
      eachHistory: (repository, visit) => {
        for (const row of byRepository.history.rows(repository.index)) {
          visit(tagNames[history.tag.at(row)] ?? '', history.digest.at(row), history.modified.at(row));
        }
      },
      manifest: (id) => manifests.get(id),
    };
    tables.set(inventory, digests);
    return inventory;
  }

  #tagsWithoutCurrent(draft: Draft, told: ReadonlySet<string>): void {
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

/** Undefined if one of them is not known. */
function newest(times: readonly (number | undefined)[]): number | undefined {
  return times.some((time) => time === undefined) ? undefined : Math.max(...times.map((time) => time ?? 0));
}

function idsIn(column: IntColumn, rows: Iterable<number>): ReadonlySet<DigestId> {
  const ids = new Set<DigestId>();
  for (const row of rows) ids.add(column.at(row));
  return ids;
}
