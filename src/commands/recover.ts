import type { Config } from '../config/schema.ts';
import { CleanupError } from '../errors.ts';
import { counted } from '../format.ts';
import type { Emit } from '../pipeline/events.ts';
import type { OpenDeed } from '../pipeline/journal.ts';
import { takeLock } from '../pipeline/lock.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import type { StepId } from '../pipeline/steps.ts';
import type { RecoverDocument, Recovered } from '../report/recover-document.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { waiting, whileHeld } from './hold.ts';
import { isAnythingLeft, undoLeftOpen } from './left-open.ts';
import { prepareState } from './prepare-state.ts';
import { noteTakenOver } from './runs/log.ts';
import { findRunState, newRunId, openConfiguredRuntime } from './session.ts';

export interface RecoverOptions {
  readonly config: Config;
  /** What loading the configuration had to say. */
  readonly warnings: readonly string[];
  readonly emit: Emit;
  /** Ends the watch over another run's lock. What has begun to be undone is undone to the end. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Closes what a dead run left open, from its journal alone, and removes nothing. Idempotent: may be called at any time,
 * at boot above all. Never throws what the catalogue knows: the document says how it ended.
 */
export async function recover(options: RecoverOptions): Promise<RecoverDocument> {
  const warnings: string[] = [];
  const recovered: Recovered[] = [];
  const emit: Emit = (event) => {
    if (event.type === 'warning') warnings.push(event.text);
    options.emit(event);
  };
  for (const text of options.warnings) emit({ type: 'warning', text });
  const title = { version: 1, command: 'recover' } as const;
  try {
    const runtime = await openConfiguredRuntime(options.config, options.env, { writes: true });
    const told = { ...options, emit, runtime, recovered };
    const outcome = await restore(told).finally(() => runtime.close());
    options.signal.throwIfAborted();
    return { ...title, outcome, exitCode: 0, recovered, warnings, error: null };
  } catch (thrown) {
    if (!(thrown instanceof CleanupError)) throw thrown;
    const { code, message, hint, details, exitCode } = thrown;
    const error = { code, message, hint, details };
    return { ...title, outcome: outcomeOf(exitCode), exitCode, recovered, warnings, error };
  }
}

interface Restoring extends RecoverOptions {
  readonly runtime: Runtime;
  /** Filled with what was undone. */
  readonly recovered: Recovered[];
}

async function restore(options: Restoring): Promise<'ok' | 'nothing-to-do'> {
  const { config, emit, signal, runtime, recovered } = options;
  const pipeline = new Pipeline({ emit, signal });
  const { state, left } = await pipeline.step('preflight', async (context) => {
    const state = await findRunState(config, runtime, context.signal);
    const left = await isAnythingLeft(state);
    context.note(left ? `${state.locate('')} tells of another run` : 'no run left anything open');
    return { state, left };
  });
  if (!left) return 'nothing-to-do';

  const run = newRunId();
  const held = await pipeline.step('lock', ({ signal, progress }) =>
    takeLock({
      state,
      run,
      signal,
      ...waiting(config, progress),
      isRunning: (container) => runtime.isRunning(container),
      recover: async () => {},
    }),
  );
  try {
    await pipeline.lastStep('restore', async ({ note }) => {
      const onUndone = ({ run, step, memo }: OpenDeed): void => {
        // Where nobody had started the registry meanwhile there is nothing to tell of.
        if (memo.kind === 'process-renew') return;
        const what = undone[step] ?? `"${step}" is undone`;
        // A step may have had several deeds.
        if (!recovered.some((one) => one.run === run && one.what === what))
          recovered.push({ run, step, what });
      };
      const deeds = await undoLeftOpen({ ...whileHeld(held, { state, runtime }), emit, onUndone });
      await noteTakenOver({ state, run, emit }, deeds);
      note(`${counted(deeds.length, 'deed')} undone`);
    });
  } catch (error) {
    // Why the registry is not restored matters more than a lock that the next one takes over.
    await held.release().catch(() => {});
    throw error;
  }
  await prepareState(state, held, emit);
  await held.release();
  return 'ok';
}

/** How it is after the undo of a step. */
const undone: Partial<Record<StepId, string>> = {
  stop: 'the live registry runs again',
  readonly: 'the read-only stand-in is gone',
  apply: "the registry's cache in Redis is flushed",
  rehearse: 'the rehearsal has ended',
  collect: 'the collector has ended',
};

function outcomeOf(exitCode: number): RecoverDocument['outcome'] {
  if (exitCode === 20) return 'not-restored';
  if (exitCode === 6) return 'refused';
  return exitCode >= 130 ? 'interrupted' : 'failed';
}
