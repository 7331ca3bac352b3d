import { keyOf } from '../../registry/layout.ts';
import type { InventoryBuilder } from '../builder.ts';
import { openInventory } from '../closed.ts';
import type { DigestId, Inventory, Repository, Tag } from '../inventory.ts';
import type { LinkTable } from '../link-table.ts';
import { Places } from '../places.ts';

/*
 * What an earlier reading knows of references, for one that looks at less because of it.
 *
 * A link of whose inode nothing has changed holds what it held: whoever writes to it, or puts another in its place, changes
 * the time of its last change (inode(7)), which nobody can set. Only what was written twice within one tick of a file
 * system's clock (a second at worst), and read in between, could hide: so whatever was changed right before the earlier
 * reading is read again in any case.
 */

/** ms. */
const tick = 2_000;

/** When a link was changed, ms since the epoch: what is in it, and anything about it. */
interface Changes {
  readonly modified: number | undefined;
  readonly changed?: number | undefined;
}

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
  readonly #placesOfTags: Places<string>;
  readonly #placesOfRows: Places<DigestId>;

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
    this.#placesOfTags = new Places(this.#tags.length, (place) => this.#tags[place]?.name ?? '');
    this.#placesOfRows = new Places(this.#rows.length, (place) => revisions.target(this.#rows[place] ?? -1));
  }

  /** The tag, if its `current/link` names `target` still; its history is taken for what it was. Times are ms since the epoch. */
  tagThatNames(name: string, target: DigestId, modified: number | undefined): Tag | undefined {
    const place = this.#placeOf(name);
    const tag = this.#tags[place];
    return tag?.target === target && tag.modified === modified ? this.#keep(tag, place) : undefined;
  }

  /** The tag, if nothing about its `current/link` has changed; in any case where that was not `seen`. */
  tag(name: string, seen?: Changes): Tag | undefined {
    const place = this.#placeOf(name);
    const tag = this.#tags[place];
    return tag !== undefined && this.#isSame(tag, seen) ? this.#keep(tag, place) : undefined;
  }

  /** As `tag`, of a revision's link. */
  revision(id: DigestId, seen?: Changes): Changes | undefined {
    const row = this.#rows[this.#placesOfRows.of(id)];
    if (row === undefined) return undefined;
    const was = { modified: this.#revisions.modified(row), changed: this.#revisions.changed(row) };
    return this.#isSame(was, seen) ? was : undefined;
  }

  addHistory(builder: InventoryBuilder): void {
    if (this.#repository === undefined || !this.#same.includes(1)) return;
    const { index } = builder.repository(this.#repository.name);
    const same = new Set(this.#tags.filter((_tag, place) => this.#same[place] === 1).map(({ name }) => name));
    this.#known.eachHistory(this.#repository, (tag, id, modified) => {
      if (same.has(tag)) builder.historyOf(index, tag, id, modified);
    });
  }

  #isSame({ modified, changed }: Changes, seen: Changes | undefined): boolean {
    if (seen === undefined) return true;
    if (changed === undefined || changed >= this.#trusted) return false;
    return seen.changed === changed && seen.modified === modified;
  }

  /** -1 where it is not known, or something was odd about it. */
  #placeOf(name: string): number {
    const place = this.#placesOfTags.of(name);
    const isOdd = this.#odd.size > 0 && this.#odd.has(`${keyOf.tags(this.#repository?.name ?? '')}${name}`);
    return isOdd ? -1 : place;
  }

  #keep(tag: Tag, place: number): Tag {
    this.#same[place] = 1;
    return tag;
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
