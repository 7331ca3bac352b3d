import type { Config } from '../config/schema.ts';
import { CleanupError, fail } from '../errors.ts';
import { listRuns, type RecordedRun } from '../pipeline/records.ts';
import type { RunShownDocument, RunSummary, RunsDocument } from '../report/runs-document.ts';
import { openState } from '../storage/open.ts';
import type { State } from '../storage/storage.ts';
import { itemsOf } from './runs/shown.ts';
import { lockOwner, readLog, readRecord, summarize, summaryOf } from './runs/summary.ts';
import { findRunState, openConfiguredRuntime } from './session.ts';

export interface RunsOptions {
  readonly config: Config;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/** Lists what is on record of runs. Takes no lock, writes nothing, and needs no registry that runs. */
export async function runs(options: RunsOptions): Promise<RunsDocument> {
  const title = { version: 1, command: 'runs' } as const;
  let directory: string | null = null;
  try {
    const state = await stateFor(options);
    directory = state.locate('');
    const lock = await lockOwner(state, options.signal);
    const summaries: RunSummary[] = [];
    for (const run of (await listRuns(state)).toReversed()) {
      options.signal.throwIfAborted();
      summaries.push(await summarize(state, run, lock));
    }
    return { ...title, exitCode: 0, directory, runs: summaries, error: null };
  } catch (thrown) {
    const { exitCode, error } = reported(thrown);
    return { ...title, exitCode, directory, runs: [], error };
  }
}

/** Shows all that is on record of one run: `wanted` is its id, the beginning of it, or `last`. */
export async function showRun(wanted: string, options: RunsOptions): Promise<RunShownDocument> {
  const title = { version: 1, command: 'runs show' } as const;
  try {
    const state = await stateFor(options);
    const run = find(wanted, await listRuns(state), state);
    const report = await readRecord(state, run);
    const logged = await readLog(state, run);
    const { begin, batches, collected, forgotten, missed } = logged;
    const unnamed: Record<string, number> = {};
    for (const batch of batches) {
      for (const [kind, count] of Object.entries(batch.unnamed)) unnamed[kind] = (unnamed[kind] ?? 0) + count;
    }
    const log = {
      program: begin?.version ?? null,
      host: begin?.owner?.host ?? null,
      settings: begin?.settings ?? {},
      unnamed,
      forgotten,
      missed,
      besides: collected?.besides ?? [],
    };
    return {
      ...title,
      exitCode: 0,
      run: summaryOf(run, report, logged, await lockOwner(state, options.signal)),
      log: run.hasLog ? log : null,
      items: [...itemsOf(logged)],
      report: report ?? null,
      error: null,
    };
  } catch (thrown) {
    return { ...title, run: null, log: null, items: [], report: null, ...reported(thrown) };
  }
}

/** The state directory by itself, where the configuration names one: no registry is asked then. */
async function stateFor({ config, signal, env }: RunsOptions): Promise<State> {
  if (config.state.directory !== undefined) return openState(config.state.directory);
  const runtime = await openConfiguredRuntime(config, env, { writes: false });
  return findRunState(config, runtime, signal).finally(() => runtime.close());
}

function find(wanted: string, known: readonly RecordedRun[], state: State): RecordedRun {
  const matching = wanted === 'last' ? known.slice(-1) : known.filter(({ id }) => id.startsWith(wanted));
  const [first] = matching;
  if (first !== undefined && matching.length === 1) return first;
  const ids = (matching.length > 1 ? matching : known).map(({ id }) => id).toReversed();
  return fail('RUN_UNKNOWN', {
    wanted,
    several: matching.length > 1,
    known: ids,
    directory: state.locate(''),
  });
}

function reported(thrown: unknown): Pick<RunsDocument, 'exitCode' | 'error'> {
  if (!(thrown instanceof CleanupError)) throw thrown;
  const { code, message, hint, details, exitCode } = thrown;
  return { exitCode, error: { code, message, hint, details } };
}
