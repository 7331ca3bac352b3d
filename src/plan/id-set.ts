import type { DigestId } from '../inventory/inventory.ts';

/**
 * A set of digests that is emptied at no cost: one serves every repository in turn. Four bytes for every digest that the
 * inventory knows, whatever is in it.
 */
export class IdSet {
  readonly #stamps: Int32Array;
  #stamp = 1;

  /** `size`: the inventory's `digestCount`. */
  constructor(size: number) {
    this.#stamps = new Int32Array(size);
  }

  clear(): void {
    this.#stamp++;
  }

  add(id: DigestId): void {
    this.#stamps[id] = this.#stamp;
  }

  has(id: DigestId): boolean {
    return this.#stamps[id] === this.#stamp;
  }
}

/** The same with another digest for each. */
export class IdMap {
  readonly #keys: IdSet;
  readonly #values: Int32Array;

  constructor(size: number) {
    this.#keys = new IdSet(size);
    this.#values = new Int32Array(size);
  }

  clear(): void {
    this.#keys.clear();
  }

  set(id: DigestId, value: DigestId): void {
    this.#keys.add(id);
    this.#values[id] = value;
  }

  has(id: DigestId): boolean {
    return this.#keys.has(id);
  }

  /** -1 where there is none. */
  get(id: DigestId): DigestId {
    return this.#keys.has(id) ? (this.#values[id] ?? -1) : -1;
  }
}
