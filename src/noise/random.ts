import { createCipheriv, createHash } from 'node:crypto';

/** Numbers that look random and are the same for the same seed, on every machine. Not for secrets. */
export interface Random {
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  /** True with probability `share` (0 to 1). */
  chance(share: number): boolean;
  /** The same things in another order. */
  shuffle<T>(list: readonly T[]): T[];
}

/** A generator that starts from the text `seed`: sfc32, from Chris Doty-Humphrey's PractRand. */
export function createRandom(seed: string): Random {
  const state = createHash('sha256').update(seed).digest();
  let a = state.readInt32LE(0);
  let b = state.readInt32LE(4);
  let c = state.readInt32LE(8);
  let counter = 1;

  /** 0 ≤ x < 1, in steps of 2⁻³². */
  function next(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 2 ** 32;
  }

  function integer(min: number, max: number): number {
    return min + Math.floor(next() * (max - min + 1));
  }

  function shuffle<T>(list: readonly T[]): T[] {
    return list
      .map((item) => ({ item, place: next() }))
      .sort((x, y) => x.place - y.place)
      .map(({ item }) => item);
  }

  return {
    integer,
    chance: (share) => next() < share,
    shuffle,
  };
}

/** `size` bytes that no compression makes smaller: AES in counter mode, keyed by `seed`. */
export function randomBytes(seed: string, size: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16, 32));
  return cipher.update(new Uint8Array(size));
}
