import type { Memo } from '../deed.ts';
import { openEngine } from '../docker.ts';
import { needEngineAddress } from '../engine/address.ts';
import type { Engine } from '../engine/engine.ts';
import { collectDeed } from './docker/collect.ts';
import { createFence, placeOf } from './docker/fence.ts';
import { dockerFlushDeed } from './docker/flush.ts';
import type { Ground } from './docker/ground.ts';
import { inspect } from './docker/inspect.ts';
import type { DockerRuntimeOptions } from './docker/options.ts';
import { createPatience, undonePatiently } from './docker/patience.ts';
import { reachLive } from './docker/reach.ts';
import { tryReadonly } from './docker/try-readonly.ts';
import { undoMemo } from './docker/undo.ts';
import type { Runtime } from './runtime.ts';

export type { DockerRuntimeOptions } from './docker/options.ts';

/**
 * The registry is a container of a Docker Engine. `fence` and `collect` stand on what the last `inspect` found, and
 * throw if that was nothing to stand on.
 */
export function createDockerRuntime(options: DockerRuntimeOptions): Runtime {
  let found: Ground | undefined;
  let opened: Promise<Engine> | undefined;
  let hasStandIn = options.standIn;
  let standInEnds = (): void => {};
  const patiently = createPatience();
  const engine = (): Promise<Engine> => {
    opened ??= Promise.resolve().then(() => openEngine(needEngineAddress(options.env)));
    return opened;
  };
  function ground(): Ground {
    if (found === undefined)
      throw new Error('there is nothing to stand on: inspect first, and heed its refusals');
    return found;
  }
  return {
    async inspect(signal) {
      found = undefined;
      const { state, ground } = await inspect(options, await engine(), signal);
      found = ground;
      return state;
    },
    // One that does not run has no address now.
    reachLive: async (state) =>
      found === undefined || state.live === 'stopped' ? { url: state.url } : reachLive(found),
    async isRunning(container) {
      return (await (await engine()).inspect(container))?.state.running;
    },
    fence(_state, fenceOptions) {
      hasStandIn = fenceOptions.standIn;
      const fence = createFence(ground(), { ...fenceOptions, patiently });
      standInEnds = fence.standInEnds;
      return fence;
    },
    flush(_state, { runId }) {
      const deed = dockerFlushDeed(ground(), runId);
      return deed && undonePatiently(deed, patiently);
    },
    renew: () => undefined,
    collect(_state, { runId, ...collectOptions }) {
      const place = placeOf(ground(), { standIn: hasStandIn, runId });
      const memo = { kind: 'docker-collect', runId, beside: false, ...place } as const;
      return undonePatiently(collectDeed(ground(), memo, collectOptions, standInEnds), patiently);
    },
    async tryReadonly(_state, trial, ask) {
      if (found === undefined) return { untried: 'what is refused leaves nothing to try it with' };
      return tryReadonly(found, trial, ask);
    },
    async undo(memo: Memo) {
      const asked = await engine();
      await patiently(() => undoMemo(asked, memo));
    },
    async close() {
      // Whoever asked for an engine that could not be opened has been told.
      await (await opened?.catch(() => undefined))?.close();
    },
  };
}
