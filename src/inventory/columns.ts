/** Values of a column that are kept together: one that is full stays where it is, so that growing copies little. */
const pieceBits = 16;
const pieceSize = 2 ** pieceBits;
const pieceMask = pieceSize - 1;
const smallest = 1024;

/** A growing column, in pieces. */
class Column<T extends Int32Array | Float64Array> {
  readonly #allocate: (size: number) => T;
  readonly #full: T[] = [];
  #last: T;
  length = 0;

  constructor(allocate: (size: number) => T) {
    this.#allocate = allocate;
    this.#last = allocate(smallest);
  }

  /** What holds the value of `index`, at `placeInPiece(index)`; undefined beyond the end. Adding may replace it. */
  pieceOf(index: number): T | undefined {
    const piece = index >>> pieceBits;
    return piece === this.#full.length ? this.#last : this.#full[piece];
  }

  protected append(value: number): void {
    const at = this.#room();
    this.#last[at] = value;
    this.length++;
  }

  /** `count` values of `values` from `from` on. Nothing but groups of that size, a power of two up to 1024, may be in it. */
  pushAll(values: T, from: number, count: number): void {
    const at = this.#room();
    for (let i = 0; i < count; i++) this.#last[at + i] = values[from + i] ?? 0;
    this.length += count;
  }

  /** Where in the last piece the next value goes. */
  #room(): number {
    const at = placeInPiece(this.length);
    if (at === 0 && this.length > 0) {
      this.#full.push(this.#last);
      this.#last = this.#allocate(pieceSize);
    } else if (at === this.#last.length) {
      const larger = this.#allocate(at * 2);
      larger.set(this.#last);
      this.#last = larger;
    }
    return at;
  }

  protected value(index: number): number | undefined {
    return this.pieceOf(index)?.[placeInPiece(index)];
  }
}

/** Where a column's piece has the value of `index`. The words of a digest, which are added together, are in one piece. */
export function placeInPiece(index: number): number {
  return index & pieceMask;
}

/** 32-bit integers. */
export class IntColumn extends Column<Int32Array> {
  constructor() {
    super((size) => new Int32Array(size));
  }

  push(value: number): void {
    this.append(value);
  }

  at(index: number): number {
    return this.value(index) ?? -1;
  }
}

/** Doubles; NaN stands for "not known". */
export class FloatColumn extends Column<Float64Array> {
  constructor() {
    super((size) => new Float64Array(size));
  }

  push(value: number | undefined): void {
    this.append(value ?? Number.NaN);
  }

  at(index: number): number | undefined {
    const value = this.value(index);
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }
}

/** Which of the small integers were met. */
export class IdSet {
  #marks: Uint8Array;

  /** `size`: how many there are, as far as is known. */
  constructor(size: number) {
    this.#marks = new Uint8Array(size);
  }

  /** False where it was in already. */
  add(id: number): boolean {
    if (id >= this.#marks.length) {
      const larger = new Uint8Array((id + 1) * 2);
      larger.set(this.#marks);
      this.#marks = larger;
    }
    if (this.#marks[id] === 1) return false;
    this.#marks[id] = 1;
    return true;
  }
}

/** The (last) row of each id in a column of ids, which may grow. */
export class RowIndex {
  readonly #ids: IntColumn;
  #rows = new Int32Array(1024).fill(-1);
  #indexed = 0;

  constructor(ids: IntColumn) {
    this.#ids = ids;
  }

  /** -1 where there is none. */
  rowOf(id: number): number {
    for (; this.#indexed < this.#ids.length; this.#indexed++) {
      const at = this.#ids.at(this.#indexed);
      if (at >= this.#rows.length) {
        const larger = new Int32Array(Math.max(this.#rows.length, at + 1) * 2).fill(-1);
        larger.set(this.#rows);
        this.#rows = larger;
      }
      this.#rows[at] = this.#indexed;
    }
    return this.#rows[id] ?? -1;
  }
}

/** Rows of a table by the group (repository) that they belong to, in the order in which they were read. */
export class Grouping {
  readonly #starts: Int32Array;
  readonly #rows: Int32Array;

  constructor(groups: IntColumn, count: number) {
    this.#starts = new Int32Array(count + 1);
    this.#rows = new Int32Array(groups.length);
    for (let row = 0; row < groups.length; row++) {
      const next = groups.at(row) + 1;
      this.#starts[next] = (this.#starts[next] ?? 0) + 1;
    }
    for (let group = 0; group < count; group++) {
      this.#starts[group + 1] = (this.#starts[group + 1] ?? 0) + (this.#starts[group] ?? 0);
    }
    const cursor = this.#starts.slice();
    for (let row = 0; row < groups.length; row++) {
      const group = groups.at(row);
      const at = cursor[group] ?? 0;
      this.#rows[at] = row;
      cursor[group] = at + 1;
    }
  }

  count(group: number): number {
    return (this.#starts[group + 1] ?? 0) - (this.#starts[group] ?? 0);
  }

  rows(group: number): Int32Array {
    return this.#rows.subarray(this.#starts[group], this.#starts[group + 1]);
  }
}
