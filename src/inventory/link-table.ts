import { FloatColumn, Grouping, IntColumn } from './columns.ts';
import type { DigestId } from './inventory.ts';

const none = new Int32Array(0);

/** Links of repositories (by their index), in rows. */
export class LinkTable {
  readonly #repository = new IntColumn();
  readonly #path = new IntColumn();
  readonly #target = new IntColumn();
  readonly #modified = new FloatColumn();
  /** Not kept where nobody tells it. */
  #changed: FloatColumn | undefined;
  #repositories = 0;
  #grouping: Grouping | undefined;

  get length(): number {
    return this.#path.length;
  }

  /**
   * `path`: the digest in the path; of a tag's history, the number of the tag's name. `target`: what it leads to.
   * `changed`: when its inode was changed last.
   */
  add(
    repository: number,
    path: number,
    target: DigestId,
    modified: number | undefined,
    changed?: number,
  ): void {
    if (changed !== undefined && this.#changed === undefined) {
      this.#changed = new FloatColumn();
      while (this.#changed.length < this.length) this.#changed.push(undefined);
    }
    this.#changed?.push(changed);
    this.#repository.push(repository);
    this.#path.push(path);
    this.#target.push(target);
    this.#modified.push(modified);
    this.#repositories = Math.max(this.#repositories, repository + 1);
    this.#grouping = undefined;
  }

  path(row: number): number {
    return this.#path.at(row);
  }

  target(row: number): DigestId {
    return this.#target.at(row);
  }

  modified(row: number): number | undefined {
    return this.#modified.at(row);
  }

  changed(row: number): number | undefined {
    return this.#changed?.at(row);
  }

  /** Rows of one repository, in the order in which they were read. */
  rows(repository: number): Int32Array {
    this.#grouping ??= new Grouping(this.#repository, this.#repositories);
    return repository < this.#repositories ? this.#grouping.rows(repository) : none;
  }
}

/** Layer links; on top of those of an earlier reading, where there was one, which stay as they are. */
export class LayerLinks {
  readonly own = new LinkTable();
  #base: LayerLinks | undefined;
  /** Indices that the earlier reading gave repositories, by ours; -1 for none. */
  #indices: Int32Array = none;
  #length = 0;

  get length(): number {
    return this.#length + this.own.length;
  }

  /** Takes over what `base` (which must not be added to any more) has of the repositories that `indices` tells. */
  carryOver(base: LayerLinks, indices: Int32Array): void {
    this.#base = base;
    this.#indices = indices;
    this.#length = indices.reduce((sum, index) => sum + (index === -1 ? 0 : base.count(index)), 0);
  }

  count(repository: number): number {
    const before = this.#indices[repository] ?? -1;
    return this.own.rows(repository).length + (before === -1 ? 0 : (this.#base?.count(before) ?? 0));
  }

  each(
    repository: number,
    visit: (path: DigestId, target: DigestId, modified: number | undefined) => void,
  ): void {
    const before = this.#indices[repository] ?? -1;
    if (before !== -1) this.#base?.each(before, visit);
    for (const row of this.own.rows(repository)) {
      visit(this.own.path(row), this.own.target(row), this.own.modified(row));
    }
  }
}
