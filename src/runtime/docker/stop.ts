import type { Deed } from '../../deed.ts';
import { fail } from '../../errors.ts';
import type { Timeline } from '../timeline.ts';
import type { Ground } from './ground.ts';
import type { StopMemo } from './memos.ts';
import { keepsRestarting, restoreLive } from './restore.ts';
import type { Vantage } from './serves.ts';
import type { Watch } from './watch.ts';

/**
 * Stops the live registry's container and returns when it has exited. It must not come back by itself, not even when
 * the engine is restarted in the middle: its restart policy is `no` until the undo puts it back.
 */
export function stopDeed(
  ground: Ground,
  memo: StopMemo,
  parts: {
    readonly timeline: Timeline;
    readonly watch: Watch;
    readonly from: Vantage;
    /** A stand-in beside it refuses pushes until that is gone, too. */
    readonly overlaps: boolean;
  },
): Deed {
  const { engine, live } = ground;
  const { timeline, watch, from, overlaps } = parts;
  let begun = false;
  return {
    memo,
    async do(signal) {
      signal.throwIfAborted();
      begun = true;
      if (keepsRestarting(live.restartPolicy)) {
        await engine.setRestartPolicy(live.name, { name: 'no', maximumRetryCount: 0 });
      }
      timeline.closing();
      // The container's own time to stop, after which the engine kills it.
      await engine.stop(live.name);
      const stopped = await engine.inspect(live.id);
      if (stopped?.state.running !== false) {
        const status = stopped === undefined ? 'gone' : stopped.state.status;
        fail('FENCE_FAILED', { reason: `the container ${live.name} was stopped, but is ${status}` });
      }
      await watch.begin();
    },
    async undo() {
      watch.end();
      if (!begun) return;
      await restoreLive(engine, memo, from);
      if (!overlaps) timeline.open();
    },
  };
}
