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
