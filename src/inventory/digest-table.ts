import type { Digest } from '../registry/digest.ts';
import { IntColumn, placeInPiece } from './columns.ts';
import { isSha256, readHex } from './hex.ts';
import type { Inventory } from './inventory.ts';

/** 32-bit words of a sha256. */
export const digestWords = 8;

/**
 * Digests interned to small integers, so that everything else can be a typed array. A sha256 costs 32 bytes and
 * two slots at least; other algorithms are rare and kept as text.
 */
export class DigestTable {
  readonly #words = new IntColumn();
  /** An id and one more; 0 is free. */
  #slots = new Int32Array(4096);
  #size = 0;
  readonly #asked = new Int32Array(digestWords);
  readonly #askedBytes = new Uint8Array(this.#asked.buffer);
  readonly #others = new Map<Digest, number>();
  readonly #otherText = new Map<number, Digest>();

  /** Number of ids given out: every id is below it. */
  get size(): number {
    return this.#size;
  }

  /** The id of `digest`, given now if it has none. */
  intern(digest: Digest): number {
    if (!isSha256(digest)) return this.#internOther(digest);
    readHex(digest, 'sha256:'.length, this.#askedBytes, 0);
    return this.internWords(this.#asked, 0);
  }

  /** As `intern`, of the sha256 whose bytes are the eight words of `words` from `at` on. */
  internWords(words: Int32Array, at: number): number {
    this.#reserve();
    const slot = this.#probe(words, at);
    const found = (this.#slots[slot] ?? 0) - 1;
    if (found !== -1) return found;
    for (let i = 0; i < digestWords; i++) this.#words.push(words[at + i] ?? 0);
    this.#slots[slot] = this.#size + 1;
    return this.#size++;
  }

  /** The id of `digest`, or -1 if it was never interned. */
  find(digest: Digest): number {
    if (!isSha256(digest)) return this.#others.get(digest) ?? -1;
    readHex(digest, 'sha256:'.length, this.#askedBytes, 0);
    return (this.#slots[this.#probe(this.#asked, 0)] ?? 0) - 1;
  }

  /** The digest whose id is `id`. */
  text(id: number): Digest {
    const other = this.#otherText.get(id);
    if (other !== undefined) return other;
    if (id < 0 || id >= this.#size) throw new RangeError(`no digest has the id ${id}`);
    const { buffer } = this.#piece(id);
    return `sha256:${Buffer.from(buffer, placeOf(id) * 4, digestWords * 4).toString('hex')}`;
  }

  /** Writes the words of `id` to `into` at `at`. False, and nothing written, where it is no sha256. */
  copyWords(id: number, into: Int32Array, at: number): boolean {
    if (this.#otherText.has(id)) return false;
    const own = this.#piece(id);
    const start = placeOf(id);
    for (let i = 0; i < digestWords; i++) into[at + i] = own[start + i] ?? 0;
    return true;
  }

  /** Where the words of `id` are, from `placeOf(id)` on. */
  #piece(id: number): Int32Array {
    const piece = this.#words.pieceOf(id * digestWords);
    if (piece === undefined) throw new RangeError(`no digest has the id ${id}`);
    return piece;
  }

  #internOther(digest: Digest): number {
    const found = this.#others.get(digest);
    if (found !== undefined) return found;
    this.#reserve();
    const id = this.#size++;
    // Its place among the words stays empty.
    for (let i = 0; i < digestWords; i++) this.#words.push(0);
    this.#others.set(digest, id);
    this.#otherText.set(id, digest);
    return id;
  }

  /** The slot that holds the digest at `words[at]`, or the free one where it belongs. */
  #probe(words: Int32Array, at: number): number {
    const mask = this.#slots.length - 1;
    // Both ends, mixed: whoever forges digests that begin alike should not slow us down.
    const ends = (words[at] ?? 0) ^ (words[at + digestWords - 1] ?? 0);
    const mixed = Math.imul(ends ^ (ends >>> 15), 0x9e3779b1);
    let slot = (mixed ^ (mixed >>> 16)) & mask;
    for (;;) {
      const id = (this.#slots[slot] ?? 0) - 1;
      if (id === -1 || this.#is(id, words, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #is(id: number, words: Int32Array, at: number): boolean {
    const own = this.#piece(id);
    const start = placeOf(id);
    for (let i = 0; i < digestWords; i++) if (own[start + i] !== words[at + i]) return false;
    return true;
  }

  /** One more digest, and at most half of the slots are taken. */
  #reserve(): void {
    if ((this.#size + 1) * 2 <= this.#slots.length) return;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let id = 0; id < this.#size; id++) {
      if (!this.#otherText.has(id)) this.#slots[this.#probe(this.#piece(id), placeOf(id))] = id + 1;
    }
  }
}

/** In its piece. */
function placeOf(id: number): number {
  return placeInPiece(id * digestWords);
}

const tables = new WeakMap<Inventory, DigestTable>();

/**
 * The table whose ids `inventory` uses. Two inventories that share one (the later was read with the earlier as `known`)
 * mean the same digest by the same id. One that nobody has read (a test's own) has a table of its own each time.
 */
export function digestTableOf(inventory: Inventory): DigestTable {
  return tables.get(inventory) ?? new DigestTable();
}

/** Remembers whose ids `inventory` uses. For whoever makes one. */
export function useDigestTable(inventory: Inventory, table: DigestTable): void {
  tables.set(inventory, table);
}
