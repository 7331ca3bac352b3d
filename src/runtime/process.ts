import type { Memo } from '../deed.ts';
import { failForeignDeed } from './foreign-deed.ts';
import { childrenIn, endChildren } from './process/children.ts';
import { collectDeed } from './process/collect.ts';
import { withoutOurs } from './process/environment.ts';
import { createFence } from './process/fence.ts';
import { flushFromMemo, processFlushDeed } from './process/flush.ts';
import type { Ground } from './process/ground.ts';
import { inspect } from './process/inspect.ts';
import { parseMemo } from './process/memos.ts';
import type { ProcessRuntimeOptions } from './process/options.ts';
import { renewDeed, renewLive } from './process/renew.ts';
import { graceMs, restoreLive } from './process/restore.ts';
import { removeStartLog } from './process/start-log.ts';
import { tryReadonly } from './process/try-readonly.ts';
import { removeWorkplace } from './process/workplace.ts';
import type { Runtime } from './runtime.ts';

export type { ProcessRuntimeOptions } from './process/options.ts';

/** Without knowing whether the stop command was run: for so long an old process that listens may be about to end. */
const dyingAfterCrashMs = 3_000;

/**
 * The registry is a program on this machine: a systemd unit, something with a start and a stop command, or stopped
 * already. `fence` and `collect` stand on what the last `inspect` found, and throw if that was nothing to stand on.
 */
export function createProcessRuntime(options: ProcessRuntimeOptions): Runtime {
  let found: Ground | undefined;
  function ground(): Ground {
    if (found === undefined)
      throw new Error('there is nothing to stand on: inspect first, and heed its refusals');
    return found;
  }
  return {
    async inspect(signal) {
      found = undefined;
      const { state, ground } = await inspect(options, signal);
      found = ground;
      return state;
    },
    reachLive: async ({ url }) => ({ url }),
    isRunning: async () => undefined,
    close: async () => {},
    fence: (_state, { standIn, runId }) => createFence(ground(), { standIn, runId }),
    flush: (_state, { runId }) => processFlushDeed(ground(), runId),
    renew: (_state, { runId }) => renewDeed(ground(), runId),
    collect: (_state, collectOptions) => collectDeed(ground(), collectOptions),
    async tryReadonly(_state, trial, ask) {
      if (found === undefined) return { untried: 'what is refused leaves nothing to try it with' };
      return { answer: await tryReadonly(found, trial, ask) };
    },
    async undo(memo: Memo) {
      const known = parseMemo(memo);
      if (known === undefined) failForeignDeed(memo, 'process');
      if (known.kind === 'process-stop') {
        const env = withoutOurs(options.env, options.dropEnv);
        await restoreLive(known, { env, dyingMs: dyingAfterCrashMs });
        if (known.live !== 'stopped') await removeStartLog(known.live, known.address);
        return;
      }
      if (known.kind === 'process-renew') {
        await renewLive(known, withoutOurs(options.env, options.dropEnv));
        return;
      }
      if (known.kind === 'process-flush') {
        await flushFromMemo(known, options);
        return;
      }
      await endChildren(() => childrenIn(known.directory), graceMs);
      await removeWorkplace(known.directory);
    },
  };
}
