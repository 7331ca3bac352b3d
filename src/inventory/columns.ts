/** A growing column of 32-bit integers. */
export class IntColumn {
  #values = new Int32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index] ?? -1;
  }
}

/** A growing column of doubles; NaN stands for "not known". */
export class FloatColumn {
  #values = new Float64Array(1024);
  length = 0;

  push(value: number | undefined): void {
    if (this.length === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value ?? Number.NaN;
  }

  at(index: number): number | undefined {
    const value = this.#values[index];
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
