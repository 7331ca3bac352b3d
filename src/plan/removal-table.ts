import { IntColumn } from '../inventory/columns.ts';
import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { keyOf } from '../registry/layout.ts';
import type { Removal } from './plan.ts';
import type { Removals } from './removals.ts';

/** References before data. */
const order = ['tag', 'tag-history', 'revision', 'layer-link', 'blob', 'upload', 'repository'] as const;
type PerRepository = Exclude<Removal['kind'], 'tag' | 'blob'>;

/**
 * What goes, as ids: four bytes a row, of which a `Removal` with key and reason is made when it is asked for. Rows of one
 * kind are added repository by repository, by rising index.
 */
export class RemovalTable implements Removals {
  readonly #inventory: Inventory;
  readonly #history = new Rows();
  /** Of the rows of tag history. The inventory has each name once. */
  readonly #tags: string[] = [];
  readonly #revisions = new Rows();
  readonly #layerLinks = new Rows();
  readonly #blobs = new IntColumn();
  /** Which one of the repository's. */
  readonly #uploads = new Rows();
  readonly #repositories = new Rows();

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  addHistory(repository: number, tag: string, id: DigestId): void {
    this.#history.add(repository, id);
    this.#tags.push(tag);
  }

  addRevision(repository: number, id: DigestId): void {
    this.#revisions.add(repository, id);
  }

  addLayerLink(repository: number, path: DigestId): void {
    this.#layerLinks.add(repository, path);
  }

  /** `upload`: which one of the repository's. */
  addUpload(repository: number, upload: number): void {
    this.#uploads.add(repository, upload);
  }

  addRepository(repository: number): void {
    this.#repositories.add(repository, repository);
  }

  addBlob(id: DigestId): void {
    this.#blobs.push(id);
  }

  get length(): number {
    return order.reduce((sum, kind) => sum + this.count(kind), 0);
  }

  count(kind: Removal['kind']): number {
    if (kind === 'tag') return 0;
    return kind === 'blob' ? this.#blobs.length : this.#rowsOf(kind).ids.length;
  }

  get repositories(): ReadonlySet<string> {
    const rows = [this.#history, this.#revisions, this.#layerLinks, this.#uploads, this.#repositories];
    const touched = this.#inventory.repositories.filter(({ index }) =>
      rows.some((kind) => kind.start(index) < kind.start(index + 1)),
    );
    return new Set(touched.map(({ name }) => name));
  }

  of(kind: Removal['kind']): Iterable<Removal> {
    return { [Symbol.iterator]: () => this.#each(kind) };
  }

  *[Symbol.iterator](): Generator<Removal> {
    for (const kind of order) yield* this.#each(kind);
  }

  /** The rows of one repository as ids; of tag history with the tag. */
  eachId(
    kind: 'tag-history' | 'revision' | 'layer-link',
    repository: number,
    visit: (id: DigestId, tag: string) => void,
  ): void {
    const rows = this.#rowsOf(kind);
    const end = rows.start(repository + 1);
    for (let row = rows.start(repository); row < end; row++) visit(rows.ids.at(row), this.#tags[row] ?? '');
  }

  eachBlob(visit: (id: DigestId) => void): void {
    for (let row = 0; row < this.#blobs.length; row++) visit(this.#blobs.at(row));
  }

  #rowsOf(kind: PerRepository): Rows {
    switch (kind) {
      case 'tag-history':
        return this.#history;
      case 'revision':
        return this.#revisions;
      case 'layer-link':
        return this.#layerLinks;
      case 'upload':
        return this.#uploads;
      case 'repository':
        return this.#repositories;
    }
  }

  *#each(kind: Removal['kind']): Generator<Removal> {
    if (kind === 'tag') return;
    if (kind === 'blob') {
      for (let row = 0; row < this.#blobs.length; row++) yield this.#blob(this.#blobs.at(row));
      return;
    }
    const rows = this.#rowsOf(kind);
    for (const repository of this.#inventory.repositories) {
      const end = rows.start(repository.index + 1);
      for (let row = rows.start(repository.index); row < end; row++) {
        yield this.#ofRepository(kind, repository, row);
      }
    }
  }

  #ofRepository(kind: PerRepository, repository: Repository, row: number): Removal {
    const { name } = repository;
    const id = this.#rowsOf(kind).ids.at(row);
    const common = { kind, bytes: 0, repository: name };
    if (kind === 'repository') {
      return { ...common, key: keyOf.repository(name), because: 'it holds no tag and no manifest' };
    }
    if (kind === 'upload') {
      const { id: upload = '', bytes = 0 } = repository.uploads[id] ?? {};
      const because = 'nothing has touched this upload within uploads.keepWithin';
      return { ...common, key: keyOf.upload(name, upload), bytes, because };
    }
    const digest = this.#inventory.digest(id);
    if (kind === 'layer-link') {
      const because = 'no manifest that stays in this repository names it';
      return { ...common, key: keyOf.layerLink(name, digest), because, digest };
    }
    if (kind === 'tag-history') {
      const tag = this.#tags[row] ?? '';
      const because = `the history of tag ${tag} names a manifest that goes, or is gone`;
      return { ...common, key: keyOf.tagHistory(name, tag, digest), because, digest };
    }
    const gone = this.#inventory.manifest(id)?.state === 'missing' ? ', and its content is gone' : '';
    const because = `no tag, index or subject leads to it${gone}`;
    return { ...common, key: keyOf.revision(name, digest), because, digest };
  }

  #blob(id: DigestId): Removal {
    const digest = this.#inventory.digest(id);
    const because = 'no manifest that stays names it';
    return { kind: 'blob', key: keyOf.blob(digest), bytes: this.#inventory.blobSize(id), because, digest };
  }
}

/** Ids, repository after repository. */
class Rows {
  readonly ids = new IntColumn();
  /** Where each repository begins, as far as there are rows. */
  readonly #starts = new IntColumn();

  add(repository: number, id: number): void {
    if (repository < this.#starts.length - 1) throw new RangeError('rows come by rising repository');
    while (this.#starts.length <= repository) this.#starts.push(this.ids.length);
    this.ids.push(id);
  }

  start(repository: number): number {
    return repository < this.#starts.length ? this.#starts.at(repository) : this.ids.length;
  }
}
