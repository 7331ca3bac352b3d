import type { Config } from '../config/schema.ts';
import { CleanupError, fail } from '../errors.ts';
import { counted } from '../format.ts';
import type { Emit } from '../pipeline/events.ts';
import { takeLock } from '../pipeline/lock.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import type { StepId } from '../pipeline/steps.ts';
import type { RecoverDocument, Recovered } from '../report/recover-document.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openState } from '../storage/open.ts';
import type { State } from '../storage/storage.ts';
import { isAnythingLeft, undoLeftOpen } from './left-open.ts';
import { newRunId, openConfiguredRuntime, openRunState } from './session.ts';

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
    const state = await stateOf(config, runtime, context.signal);
    const left = await isAnythingLeft(state);
    context.note(left ? `${state.locate('')} tells of another run` : 'no run left anything open');
    return { state, left };
  });
  if (!left) return 'nothing-to-do';

  const held = await pipeline.step('lock', ({ signal, progress }) =>
    takeLock({
      state,
      run: newRunId(),
      signal,
      onWatch: (owner) => progress({ text: `watching ${owner}` }),
      isRunning: (container) => runtime.isRunning(container),
      recover: async () => {},
    }),
  );
  try {
    await pipeline.lastStep('restore', async ({ note }) => {
      const onUndone = ({ run, step }: Omit<Recovered, 'what'>): void => {
        const what = undone[step] ?? `"${step}" is undone`;
        // A step may have had several deeds.
        if (!recovered.some((one) => one.run === run && one.what === what))
          recovered.push({ run, step, what });
      };
      note(`${counted((await undoLeftOpen({ state, runtime, emit, onUndone })).length, 'deed')} undone`);
    });
  } catch (error) {
    // Why the registry is not restored matters more than a lock that the next one takes over.
    await held.release().catch(() => {});
    throw error;
  }
  await held.release();
  return 'ok';
}

/**
 * Where the journal is. Whatever speaks against a run here does not against recovering: only the storage must be found,
 * and not even that where the state has a directory of its own.
 */
async function stateOf(config: Config, runtime: Runtime, signal: AbortSignal): Promise<State> {
  if (config.state.directory !== undefined) return openState(config.state.directory);
  const found = await runtime.inspect(signal);
  return found.root === '' ? fail('REFUSED', { reasons: found.refusals }) : openRunState(config, found);
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
