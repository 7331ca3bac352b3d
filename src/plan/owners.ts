import type { DigestId, Inventory } from '../inventory/inventory.ts';

const nobody = -1;

/**
 * For which repository each blob that goes counts: of those that let it go, the first by name. They are met in whatever
 * order a file system lists them, and two looks at one registry have to tell the same.
 */
export class Owners {
  /** By repository, its place among all by name. */
  readonly #place: Int32Array;
  /** By digest, the repository (its index). */
  readonly #owner: Int32Array;

  constructor({ repositories, digestCount }: Inventory) {
    this.#place = new Int32Array(repositories.length);
    const byName = repositories.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    for (const [place, { index }] of byName.entries()) this.#place[index] = place;
    this.#owner = new Int32Array(digestCount).fill(nobody);
  }

  add(id: DigestId, repository: number): void {
    const known = this.of(id);
    if (known === undefined || this.#placeOf(repository) < this.#placeOf(known)) this.#owner[id] = repository;
  }

  /** Its repository's index; undefined where none let it go. */
  of(id: DigestId): number | undefined {
    const owner = this.#owner[id] ?? nobody;
    return owner === nobody ? undefined : owner;
  }

  #placeOf(repository: number): number {
    return this.#place[repository] ?? 0;
  }
}
