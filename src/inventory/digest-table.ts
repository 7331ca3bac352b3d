import { type Digest, splitDigest } from '../registry/digest.ts';

const width = 32;

/**
 * Digests interned to small integers, so that everything else can be a typed array. A sha256 costs 32 bytes and
 * a slot; other algorithms are rare and kept as text.
 */
export class DigestTable {
  #bytes = Buffer.alloc(width * 1024);
  #slots = new Int32Array(4096).fill(-1);
  #size = 0;
  readonly #others = new Map<Digest, number>();
  readonly #otherText = new Map<number, Digest>();

  /** Number of ids given out: every id is below it. */
  get size(): number {
    return this.#size;
  }

  /** The id of `digest`, given now if it has none. */
  intern(digest: Digest): number {
    const { algorithm, hex } = splitDigest(digest);
    if (algorithm !== 'sha256') return this.#internOther(digest);
    this.#reserve();
    const offset = this.#size * width;
    this.#bytes.write(hex, offset, 'hex');
    const slot = this.#probe(offset);
    const found = this.#slots[slot] ?? -1;
    if (found !== -1) return found;
    this.#slots[slot] = this.#size;
    return this.#size++;
  }

  /** The id of `digest`, or -1 if it was never interned. */
  find(digest: Digest): number {
    const { algorithm, hex } = splitDigest(digest);
    if (algorithm !== 'sha256') return this.#others.get(digest) ?? -1;
    this.#reserve();
    const offset = this.#size * width;
    this.#bytes.write(hex, offset, 'hex');
    return this.#slots[this.#probe(offset)] ?? -1;
  }

  /** The digest whose id is `id`. */
  text(id: number): Digest {
    const other = this.#otherText.get(id);
    if (other !== undefined) return other;
    if (id < 0 || id >= this.#size) throw new RangeError(`no digest has the id ${id}`);
    return `sha256:${this.#bytes.toString('hex', id * width, (id + 1) * width)}`;
  }

  #internOther(digest: Digest): number {
    const found = this.#others.get(digest);
    if (found !== undefined) return found;
    this.#reserve();
    const id = this.#size++;
    this.#bytes.fill(0, id * width, (id + 1) * width);
    this.#others.set(digest, id);
    this.#otherText.set(id, digest);
    return id;
  }

  /** The slot that holds the digest at `offset`, or the free one where it belongs. */
  #probe(offset: number): number {
    const mask = this.#slots.length - 1;
    // Both ends, mixed: whoever forges digests that begin alike should not slow us down.
    const ends = this.#bytes.readUInt32LE(offset) ^ this.#bytes.readUInt32LE(offset + width - 4);
    const mixed = Math.imul(ends ^ (ends >>> 15), 0x9e3779b1);
    let slot = (mixed ^ (mixed >>> 16)) & mask;
    for (;;) {
      const id = this.#slots[slot] ?? -1;
      if (id === -1) return slot;
      const start = id * width;
      if (this.#bytes.compare(this.#bytes, start, start + width, offset, offset + width) === 0) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** Room for one more digest, and at most half of the slots taken. */
  #reserve(): void {
    if ((this.#size + 1) * width > this.#bytes.length) {
      const bytes = Buffer.alloc(this.#bytes.length * 2);
      this.#bytes.copy(bytes);
      this.#bytes = bytes;
    }
    if ((this.#size + 1) * 2 <= this.#slots.length) return;
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let id = 0; id < this.#size; id++) {
      if (!this.#otherText.has(id)) this.#slots[this.#probe(id * width)] = id;
    }
  }
}
