import { type Moment, since } from '../clocks.ts';

/*
 * Leave to remove, in memory that threads share. Whoever may say whether something may be removed writes when it last
 * saw that (pipeline/permit.ts); whoever removes asks before every single removal, without a word to anybody.
 *
 *     Int32     0  1 once it is revoked, for ever
 *               1  how often it was renewed or revoked: what those sleep on who wait
 *     BigInt64  1  when it was last seen to hold, by the monotonic clock, µs
 *               2  the same by the wall clock, ms
 *               3  for how long that counts, ms
 */
const revoked = 0;
const turns = 1;
const monotonic = 1;
const wall = 2;
const counts = 3;

/** A wait that nobody ended is begun again: ms. */
const waitAtMost = 1_000;

/** Nobody has leave yet. */
export function permitMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(32);
}

/** Gives leave for `ms` from the moment `seen`. Nothing that was revoked is given back. */
export function renew(memory: SharedArrayBuffer, seen: Moment, ms: number): void {
  const times = new BigInt64Array(memory);
  Atomics.store(times, counts, BigInt(Math.round(ms)));
  Atomics.store(times, monotonic, BigInt(Math.floor(seen.monotonic * 1_000)));
  Atomics.store(times, wall, BigInt(seen.wall));
  wake(memory);
}

/** Takes it back: nobody has leave any more. */
export function revoke(memory: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(memory), revoked, 1);
  wake(memory);
}

export function isRevoked(memory: SharedArrayBuffer): boolean {
  return Atomics.load(new Int32Array(memory), revoked) === 1;
}

function wake(memory: SharedArrayBuffer): void {
  const words = new Int32Array(memory);
  Atomics.add(words, turns, 1);
  Atomics.notify(words, turns);
}

/**
 * For a thread that has nothing else to do: a question that returns true as soon as there is leave, and false once it is
 * revoked. Whoever was stopped for a while, or whose machine was, finds it old, and waits until somebody has looked anew.
 */
export function asker(memory: SharedArrayBuffer): () => boolean {
  const words = new Int32Array(memory);
  const times = new BigInt64Array(memory);
  function isFresh(): boolean {
    const seen = {
      monotonic: Number(Atomics.load(times, monotonic)) / 1_000,
      wall: Number(Atomics.load(times, wall)),
    };
    return since(seen) <= Number(Atomics.load(times, counts));
  }
  return () => {
    for (;;) {
      const turn = Atomics.load(words, turns);
      if (Atomics.load(words, revoked) === 1) return false;
      if (isFresh()) return true;
      Atomics.wait(words, turns, turn, waitAtMost);
    }
  };
}
