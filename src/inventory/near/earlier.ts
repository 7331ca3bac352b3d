import { keyOf } from '../../registry/layout.ts';
import type { InventoryBuilder } from '../builder.ts';
import { openInventory } from '../closed.ts';
import type { DigestId, Inventory, Repository, Tag } from '../inventory.ts';
import type { LinkTable } from '../link-table.ts';

/*
 * What an earlier reading knows of references, for one that looks at less because of it. Two readings meet them in the
 * same order, but for what came or went: who is asked for is nearly always the next one.
 *
 * A link of whose inode nothing has changed holds what it held: whoever writes to it, or puts another in its place, changes
 * the time of its last change (inode(7)), which nobody can set. Only what was written twice within one tick of a file
 * system's clock (a second at worst), and read in between, could hide: so whatever was changed right before the earlier
 * reading is read again in any case.
 */

/** ms. */
const tick = 2_000;

/** Of all repositories. */
export class Earlier {
  readonly #known: Inventory;
  /** Keys of tags' directories in which something was odd. */
  readonly #odd: ReadonlySet<string>;
  readonly #repositories = new Map<string, EarlierRepository>();

  constructor(known: Inventory) {
    this.#known = known;
    this.#odd = oddTags(known);
  }

  repository(name: string): EarlierRepository {
    const met = this.#repositories.get(name);
    if (met !== undefined) return met;
    const made = new EarlierRepository(this.#known, this.#known.repository(name), this.#odd);
    this.#repositories.set(name, made);
    return made;
  }

  /** Adds the history of all tags that are as they were. */
  addHistory(builder: InventoryBuilder): void {
    for (const repository of this.#repositories.values()) repository.addHistory(builder);
  }
}

export class EarlierRepository {
  readonly #known: Inventory;
  readonly #repository: Repository | undefined;
  readonly #odd: ReadonlySet<string>;
  readonly #tags: readonly Tag[];
  /** What was changed before this is what was read then. ms since the epoch. */
  readonly #trusted: number;
  readonly #revisions: LinkTable;
  readonly #rows: Int32Array;
  /** Of each tag, by its place, whether it is as it was. */
  readonly #same: Uint8Array;
  #places: ReadonlyMap<string, number> | undefined;
  #placesOfRows: ReadonlyMap<DigestId, number> | undefined;
  #nextTag = 0;
  #nextRow = 0;

  constructor(known: Inventory, repository: Repository | undefined, odd: ReadonlySet<string>) {
    this.#known = known;
    this.#repository = repository;
    this.#odd = odd;
    this.#tags = repository?.tags ?? [];
    const { began, revisions } = openInventory(known);
    this.#trusted = began - tick;
    this.#revisions = revisions;
    this.#rows = repository === undefined ? new Int32Array(0) : this.#revisions.rows(repository.index);
    this.#same = new Uint8Array(this.#tags.length);
  }

  /** The tag, if its `current/link` names `target` still; its history is taken for what it was. Times are ms since the epoch. */
  tagThatNames(name: string, target: DigestId, modified: number | undefined): Tag | undefined {
    const place = this.#placeOf(name);
    const tag = this.#tags[place];
    return tag?.target === target && tag.modified === modified ? this.#keep(tag, place) : undefined;
  }

  /** The tag, if nothing about its `current/link` has changed. */
  unchangedTag(name: string, modified: number | undefined, changed: number | undefined): Tag | undefined {
    const place = this.#placeOf(name);
    const tag = this.#tags[place];
    const isSame = tag?.changed !== undefined && tag.changed === changed && tag.modified === modified;
    return isSame && tag.changed < this.#trusted ? this.#keep(tag, place) : undefined;
  }

  /** Whether nothing about the revision's link has changed. */
  isUnchangedRevision(id: DigestId, modified: number | undefined, changed: number | undefined): boolean {
    const row = this.#row(id);
    if (row === undefined || changed === undefined || changed >= this.#trusted) return false;
    return this.#revisions.changed(row) === changed && this.#revisions.modified(row) === modified;
  }

  addHistory(builder: InventoryBuilder): void {
    if (this.#repository === undefined || !this.#same.includes(1)) return;
    const { index } = builder.repository(this.#repository.name);
    const same = this.#same.includes(0)
      ? new Set(this.#tags.filter((_tag, place) => this.#same[place] === 1).map(({ name }) => name))
      : undefined;
    this.#known.eachHistory(this.#repository, (tag, id, modified) => {
      // A tag without a link has its history, too, and is looked at whole.
      if (same === undefined ? this.#placeOf(tag) !== -1 : same.has(tag))
        builder.historyOf(index, tag, id, modified);
    });
  }

  /** -1 where it is not known, or something was odd about it. */
  #placeOf(name: string): number {
    let place = this.#nextTag;
    if (this.#tags[place]?.name !== name) {
      this.#places ??= new Map(this.#tags.map((tag, at) => [tag.name, at]));
      place = this.#places.get(name) ?? -1;
    }
    if (place === -1) return -1;
    this.#nextTag = place + 1;
    const isOdd = this.#odd.size > 0 && this.#odd.has(`${keyOf.tags(this.#repository?.name ?? '')}${name}`);
    return isOdd ? -1 : place;
  }

  #keep(tag: Tag, place: number): Tag {
    this.#same[place] = 1;
    return tag;
  }

  #row(id: DigestId): number | undefined {
    let place = this.#nextRow;
    const next = this.#rows[place];
    if (next === undefined || this.#revisions.target(next) !== id) {
      this.#placesOfRows ??= new Map(Array.from(this.#rows, (row, at) => [this.#revisions.target(row), at]));
      place = this.#placesOfRows.get(id) ?? -1;
    }
    if (place === -1) return undefined;
    this.#nextRow = place + 1;
    return this.#rows[place];
  }
}

function oddTags({ oddities, emptyDirectories }: Inventory): ReadonlySet<string> {
  const odd = new Set<string>();
  const around = '/_manifests/tags/';
  for (const key of [...oddities.map((oddity) => oddity.key), ...emptyDirectories]) {
    const at = key.indexOf(around);
    if (at === -1) continue;
    const end = key.indexOf('/', at + around.length);
    odd.add(end === -1 ? key : key.slice(0, end));
  }
  return odd;
}
