/**
 * Where things are in a list, by a key that each has once. Two readings of a storage meet things in the same order, but for
 * what came or went: who is asked for is nearly always the next one, and a map is made only where one is not.
 */
export class Places<K> {
  readonly #length: number;
  readonly #keyAt: (place: number) => K;
  #next = 0;
  #all: ReadonlyMap<K, number> | undefined;

  constructor(length: number, keyAt: (place: number) => K) {
    this.#length = length;
    this.#keyAt = keyAt;
  }

  /** -1 where it is not in the list. */
  of(key: K): number {
    const place = this.#isNext(key) ? this.#next : this.#lookUp(key);
    if (place !== -1) this.#next = place + 1;
    return place;
  }

  #isNext(key: K): boolean {
    return this.#next < this.#length && this.#keyAt(this.#next) === key;
  }

  #lookUp(key: K): number {
    this.#all ??= new Map(Array.from({ length: this.#length }, (_, place) => [this.#keyAt(place), place]));
    return this.#all.get(key) ?? -1;
  }
}
