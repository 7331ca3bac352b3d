import { CleanupError, isLitter, problem, reasonOf } from '../errors.ts';
import type { Emit } from '../pipeline/events.ts';
import { type OpenDeed, openDeeds, recoverJournal } from '../pipeline/journal.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { State } from '../storage/storage.ts';

export interface LeftOpenOptions {
  readonly state: State;
  readonly runtime: Pick<Runtime, 'undo'>;
  /** Told what is being undone. */
  readonly emit?: Emit;
  readonly onUndone?: (deed: OpenDeed) => void;
}

/**
 * Undoes what a dead run left open, newest first, from the journal alone. The lock must be held. Throws NOT_RESTORED
 * when the registry stays closed: it could not be started, or what must be gone before it starts is still there.
 */
export async function undoLeftOpen(options: LeftOpenOptions): Promise<readonly OpenDeed[]> {
  const { state, runtime, emit = () => {}, onUndone = () => {} } = options;
  const deeds = await openDeeds(state);
  let tried = 0;
  let stale: CleanupError | undefined;
  let undone: readonly OpenDeed[];
  try {
    undone = await recoverJournal(state, async (memo) => {
      const deed = deeds[tried++];
      if (deed === undefined) throw new Error('the journal has grown while the lock was held');
      emit({ type: 'undo', id: deed.step, outcome: 'started' });
      try {
        await runtime.undo(memo).catch((error: unknown) => {
          if (!isLitter(error)) throw error;
          emit({ type: 'warning', text: error.message });
        });
      } catch (error) {
        emit({ type: 'undo', id: deed.step, outcome: 'failed', reason: reasonOf(error) });
        if (!(error instanceof CleanupError) || error.code !== 'NOT_FRESH') throw error;
        // Nobody could do more about it later: it is told, and done with.
        stale = error;
        return;
      }
      emit({ type: 'undo', id: deed.step, outcome: 'ok' });
      onUndone(deed);
    });
  } catch (error) {
    const closed = deeds.slice(tried).some(({ step }) => step === 'stop');
    if (!closed || !(error instanceof CleanupError) || error.exitCode === 20) throw error;
    const reasons = [`${deeds[tried - 1]?.step}: ${error.message}`, ...error.details, error.hint];
    throw problem('NOT_RESTORED', { reasons, command: 'registry-cleanup recover' }, error);
  }
  if (stale !== undefined) throw stale;
  return undone;
}

/** Whether a run left its lock or its journal, dead or alive: anything but the records of those that ended. */
export async function isAnythingLeft(state: State): Promise<boolean> {
  return (await state.list('')).some((key) => !key.startsWith('runs/'));
}
