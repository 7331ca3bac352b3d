import type { Deed } from '../../deed.ts';
import { isAway } from '../../engine/away.ts';
import { pause } from '../../pause.ts';

/** An engine that is upgraded or restarted is back within seconds; who comes after this has gone for good. */
const patienceMs = 60_000;
const againEveryMs = 500;

/** Does `undo` again while the engine is away. What it throws otherwise, and when the time is over, is thrown. */
export type Patiently = <T>(undo: () => Promise<T>) => Promise<T>;

/**
 * Undos are repeated from their beginning: they are idempotent, and what an earlier attempt has done the engine may have
 * taken back when it started. All undos of a run share the time, so that an engine that stays away is waited for once.
 */
export function createPatience(
  times: { readonly forMs: number; readonly everyMs: number } = {
    forMs: patienceMs,
    everyMs: againEveryMs,
  },
): Patiently {
  let deadline: number | undefined;
  return async (undo) => {
    for (;;) {
      try {
        const value = await undo();
        deadline = undefined;
        return value;
      } catch (thrown) {
        if (!isAway(thrown)) throw thrown;
        deadline ??= performance.now() + times.forMs;
        if (performance.now() >= deadline) throw thrown;
      }
      await pause(times.everyMs);
    }
  };
}

/** `deed`, undone patiently. Doing it is not: whoever does not reach the engine then has something to undo. */
export function undonePatiently<T>(deed: Deed<T>, patiently: Patiently): Deed<T> {
  return { ...deed, undo: () => patiently(() => deed.undo()) };
}
