import { setTimeout as sleep } from 'node:timers/promises';

/** Waits. Rejects with the signal's own reason when it is aborted, which says who interrupted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (thrown) {
    signal?.throwIfAborted();
    throw thrown;
  }
}

/** Whether `work` ends, well or not, within `ms`. Leaves no timer behind that would keep the program from ending. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const enough = new AbortController();
  const ended = work.then(
    () => true,
    () => true,
  );
  const late = sleep(ms, false, { signal: enough.signal }).catch(() => false);
  try {
    return await Promise.race([ended, late]);
  } finally {
    enough.abort();
  }
}
