import type { Fence } from '../runtime.ts';
import { createTimeline } from '../timeline.ts';
import { findIntruder, type Ground } from './ground.ts';
import { listenersOn } from './listeners.ts';
import { byHand } from './live.ts';
import { stillAlive } from './processes.ts';
import { describeProcess } from './registry-processes.ts';
import { standInDeed } from './stand-in.ts';
import { stopDeed } from './stop.ts';

/** The fence around one storage: the live registry stopped, a stand-in in its place if `standIn`. */
export function createFence(
  ground: Ground,
  options: { readonly standIn: boolean; readonly runId: string },
): Fence {
  const { runId } = options;
  const { live } = ground.options;
  const timeline = createTimeline();
  const standIn = options.standIn ? standInDeed(ground, runId, timeline) : undefined;
  return {
    stop: stopDeed(ground, runId, timeline, options.standIn),
    readonly: standIn,
    prepare: undefined,
    overlaps: false,
    direct: false,
    reachStandIn: async () => ({ url: ground.options.url ?? ground.url }),
    broken: undefined,
    unsure: false,
    settle: async () => standIn?.settle(),
    async breach() {
      const [survivor] = await stillAlive(ground.writers);
      if (survivor !== undefined) return `${describeProcess(survivor)} still runs`;
      const listeners = await listenersOn(ground.address, standIn?.pid);
      const [intruder, trouble] = await Promise.all([
        findIntruder(ground, runId, listeners),
        standIn?.trouble(listeners),
      ]);
      return intruder ?? trouble;
    },
    // Nothing is to be started where nothing ran; what we started may have to be ended.
    byHand: live === 'stopped' ? `pkill -f registry-cleanup-${runId}` : byHand(live, process.cwd()),
    window: () => timeline.window(),
  };
}
