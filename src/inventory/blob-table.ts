import { FloatColumn, IntColumn, RowIndex } from './columns.ts';
import type { DigestId } from './inventory.ts';

/** Blobs by digest, in rows; on top of those of an earlier reading, where there was one, which stay as they are. */
export class BlobTable {
  readonly #base: BlobTable | undefined;
  readonly #digest = new IntColumn();
  readonly #size = new FloatColumn();
  readonly #modified = new FloatColumn();
  readonly #rows = new RowIndex(this.#digest);
  /** Sum of their sizes. */
  bytes: number;

  /** `base` must not be added to any more. */
  constructor(base?: BlobTable) {
    this.#base = base;
    this.bytes = base?.bytes ?? 0;
  }

  get length(): number {
    return (this.#base?.length ?? 0) + this.#digest.length;
  }

  add(digest: DigestId, size: number, modified: number | undefined): void {
    this.#digest.push(digest);
    this.#size.push(size);
    this.#modified.push(modified);
    this.bytes += size;
  }

  has(id: DigestId): boolean {
    return this.#rows.rowOf(id) !== -1 || this.#base?.has(id) === true;
  }

  /** Undefined where there is no such blob. */
  size(id: DigestId): number | undefined {
    const row = this.#rows.rowOf(id);
    return row === -1 ? this.#base?.size(id) : this.#size.at(row);
  }

  modified(id: DigestId): number | undefined {
    const row = this.#rows.rowOf(id);
    return row === -1 ? this.#base?.modified(id) : this.#modified.at(row);
  }

  each(visit: (id: DigestId, size: number, modified: number | undefined) => void): void {
    this.#base?.each(visit);
    for (let row = 0; row < this.#digest.length; row++) {
      visit(this.#digest.at(row), this.#size.at(row) ?? 0, this.#modified.at(row));
    }
  }
}
