import { type Digest, isSha256 } from '../registry/digest.ts';
import { readHex } from '../registry/hex.ts';
import { IntColumn, placeInPiece } from './columns.ts';
import type { Inventory } from './inventory.ts';

/** 32-bit words of a sha256. */
export const digestWords = 8;

/** Digests whose memory is asked for before the first of them is compared: few enough to stay in a processor's own. */
const atOnce = 128;

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
    this.#words.pushAll(words, at, digestWords);
    this.#slots[slot] = this.#size + 1;
    return this.#size++;
  }

  /**
   * As `internWords`, of the digests number `from` (inclusive) to `to` (exclusive) of `words`; the ids are written to the
   * same places of `into`. Takes a third of the time: nearly all of it is waiting for memory, here for many at once.
   */
  internAll(words: Int32Array, from: number, to: number, into: Int32Array): void {
    for (let first = from; first < to; first += atOnce) {
      const end = Math.min(first + atOnce, to);
      this.#guess(words, first, end, into);
      for (let i = first; i < end; i++) {
        const id = into[i] ?? -1;
        const at = i * digestWords;
        if (id === -1 || !this.#is(id, words, at)) into[i] = this.internWords(words, at);
      }
    }
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

  /** For `internAll`: the id that is in the slot where each digest belongs, if it begins like it; else -1. */
  #guess(words: Int32Array, from: number, to: number, into: Int32Array): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let i = from; i < to; i++) into[i] = (slots[mix(words, i * digestWords) & mask] ?? 0) - 1;
    for (let i = from; i < to; i++) {
      const id = into[i] ?? -1;
      if (id !== -1 && this.#piece(id)[placeOf(id)] !== words[i * digestWords]) into[i] = -1;
    }
  }

  /** The slot that holds the digest at `words[at]`, or the free one where it belongs. */
  #probe(words: Int32Array, at: number): number {
    const mask = this.#slots.length - 1;
    let slot = mix(words, at) & mask;
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
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let id = 0; id < this.#size; id++) {
      if (this.#otherText.has(id)) continue;
      // No two are the same: nothing has to be compared.
      let slot = mix(this.#piece(id), placeOf(id)) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    this.#slots = slots;
  }
}

/** Of the digest at `words[at]`. Of both its ends: whoever forges digests that begin alike should not slow us down. */
function mix(words: Int32Array, at: number): number {
  const ends = (words[at] ?? 0) ^ (words[at + digestWords - 1] ?? 0);
  const mixed = Math.imul(ends ^ (ends >>> 15), 0x9e3779b1);
  return mixed ^ (mixed >>> 16);
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
