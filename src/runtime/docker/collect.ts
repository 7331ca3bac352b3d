import type { Deed } from '../../deed.ts';
import type { Engine, ExecState } from '../../engine/engine.ts';
import { problem, reasonOf } from '../../errors.ts';
import { endsWithin, pause } from '../../pause.ts';
import type { GcOptions, GcResult } from '../runtime.ts';
import type { Ground } from './ground.ts';
import { label } from './labels.ts';
import type { StandInMemo } from './memos.ts';

const lookEveryMs = 200;
/** For so long an engine may be silent while the collector runs: it may be restarted. */
const silenceMs = 20_000;
/** Output that arrives no later than this after the end is whole. */
const lateOutputMs = 5_000;
/** Output that ends so long before the collector does was cut off: it says nothing in between, and ends with a summary. */
const cutMs = 1_000;
/** A killed container is gone at once, unless the kernel waits for its disk. */
const killMs = 15_000;

/**
 * Runs `garbage-collect` in the stand-in, as the registry's own user and in its environment. What a `docker exec` began
 * ends only with its container, so ending it early means killing that.
 */
export function collectDeed(
  ground: Ground,
  memo: StandInMemo,
  options: GcOptions,
  onKill: () => void,
): Deed<GcResult> {
  const { engine, binary, configPath } = ground;
  let state: 'idle' | 'running' | 'ended' = 'idle';
  return {
    memo,
    async do(signal) {
      signal.throwIfAborted();
      const flags = [options.dryRun ? '--dry-run' : '', options.deleteUntagged ? '--delete-untagged' : ''];
      const argv = [binary, 'garbage-collect', ...flags.filter((flag) => flag !== ''), configPath];
      state = 'running';
      const exec = await engine.exec(memo.name, argv, options.onLine);
      let outputEnded: number | undefined;
      let outputBroke = false;
      const output = exec.output.then(
        () => {
          outputEnded = performance.now();
        },
        () => {
          outputBroke = true;
        },
      );
      const { exitCode, endedAt } = await end(engine, exec.id, signal);
      state = 'ended';
      const late = !(await endsWithin(output, lateOutputMs));
      const early = outputEnded !== undefined && endedAt - outputEnded > cutMs;
      return { exitCode, signal: undefined, outputCut: outputBroke || late || early };
    },
    async undo() {
      if (state !== 'running') return;
      onKill();
      await endCollector(engine, memo);
    },
  };
}

/** Polls: a stream that ends proves nothing, proxies cut idle ones. */
async function end(
  engine: Engine,
  id: string,
  signal: AbortSignal,
): Promise<{ exitCode: number | undefined; endedAt: number }> {
  let heard = performance.now();
  for (;;) {
    await pause(lookEveryMs, signal);
    let state: ExecState;
    try {
      state = await engine.inspectExec(id);
    } catch (error) {
      if (performance.now() - heard < silenceMs) continue;
      throw problem(
        'COLLECTOR_FAILED',
        { reason: `nobody can tell whether it still runs: ${reasonOf(error)}`, output: [] },
        error,
      );
    }
    heard = performance.now();
    if (!state.running) return { exitCode: state.exitCode, endedAt: heard };
  }
}

/** Ends whatever runs in the container by killing it, and returns when it is seen gone. A declared one is started again. */
export async function endCollector(engine: Engine, memo: StandInMemo): Promise<void> {
  const container = await engine.inspect(memo.name);
  if (container === undefined || !container.state.running) return;
  // Under its name there may be another one by now, which has nothing to do with us.
  if (memo.declared === undefined && container.labels[label.run] !== memo.runId) return;
  await engine.kill(container.name);
  const deadline = performance.now() + killMs;
  for (;;) {
    const now = await engine.inspect(container.id);
    if (now === undefined || !now.state.running) return;
    if (performance.now() > deadline) break;
    await pause(50);
  }
  throw new Error(
    `the collector cannot be ended: its container ${memo.name} still runs ${killMs / 1000} s after it was killed`,
  );
}
