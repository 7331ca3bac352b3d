import { setTimeout as sleep } from 'node:timers/promises';
import type { Deed } from '../deed.ts';
import { fail } from '../errors.ts';
import type { Held } from '../pipeline/lock.ts';
import type { Fence } from '../runtime/runtime.ts';

/** How often the fence is looked at, ms. */
const watchEvery = 1_000;
/** How often the lock is, which costs next to nothing: as long as a collector may go on after a pause of ours, ms. */
const lockEvery = 200;

/** Who looks at the fence. Both throw FENCE_FAILED. */
export interface Watch {
  /** Looks now. */
  look(): Promise<void>;
  /**
   * For now and then: asked before every removal, it looks once a second, and heeds at once what the fence tells by
   * itself. Nobody passes while it looks, and nobody after the fence was found broken.
   */
  glance(): Promise<void>;
}

export function watch(fence: Fence): Watch {
  let last = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  async function look(): Promise<void> {
    last = performance.now();
    const own = assertClosed(fence);
    looking = own;
    await own;
    if (looking === own) looking = undefined;
  }
  return {
    look,
    async glance() {
      heed(fence.broken);
      if (looking !== undefined) await looking;
      else if (fence.unsure || performance.now() - last >= watchEvery) await look();
    },
  };
}

/** Throws FENCE_FAILED when somebody can write. */
export async function assertClosed(fence: Fence): Promise<void> {
  heed(fence.broken);
  const broken = await fence.breach();
  if (broken !== undefined) fail('FENCE_FAILED', { reason: broken });
}

function heed(broken: AbortSignal | undefined): void {
  if (broken?.aborted === true) fail('FENCE_FAILED', { reason: String(broken.reason) });
}

/**
 * `deed`, ended early when the fence breaks or the lock is lost while it is done: what deletes by itself, as the
 * collector does, cannot be asked between two batches. Left alone by its undo once another run has taken over.
 */
export function whileClosed<T>(deed: Deed<T>, fence: Fence, held: Held): Deed<T> {
  return {
    ...unlessTakenOver(deed, held),
    async do(signal) {
      heed(fence.broken);
      await held.check();
      const done = new AbortController();
      const broken = new AbortController();
      const atOnce = (): void => {
        try {
          heed(fence.broken);
        } catch (error) {
          broken.abort(error);
        }
      };
      fence.broken?.addEventListener('abort', atOnce, { signal: done.signal });
      const looking = (async () => {
        for (let last = performance.now(); ; ) {
          await sleep(lockEvery, undefined, { signal: done.signal });
          await held.check();
          if (performance.now() - last < watchEvery) continue;
          last = performance.now();
          await assertClosed(fence);
        }
      })().catch((error: unknown) => {
        if (!done.signal.aborted) broken.abort(error);
      });
      try {
        const result = await deed.do(AbortSignal.any([signal, broken.signal]));
        // Whoever took over has ended it, which is no failure of its own.
        await held.check();
        return result;
      } finally {
        done.abort();
        await looking;
      }
    },
  };
}

/**
 * `deed`, left alone by its undo once another run has taken over: that one has recovered it already, and may need the
 * registry closed by now.
 */
export function unlessTakenOver<T>(deed: Deed<T>, held: Held): Deed<T> {
  return {
    memo: deed.memo,
    do: (signal) => deed.do(signal),
    async undo() {
      if (!(await held.takenOver())) await deed.undo();
    },
  };
}
