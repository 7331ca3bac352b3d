import { fail } from '../../errors.ts';
import { counted } from '../../format.ts';
import { countLeftOpen } from '../../pipeline/journal.ts';
import { takeLock } from '../../pipeline/lock.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { State } from '../../storage/storage.ts';
import { newRunId } from '../session.ts';
import type { Sheet } from './sheet.ts';

const recoverNow = ['The next run undoes that first. To have it done now:', '    registry-cleanup recover'];

/**
 * Looks whether another run is under way, or died: how many deeds it has not undone. Takes up to 20 s where only its
 * heartbeat tells whether it lives.
 */
export async function lookForRuns(
  options: {
    readonly runState: State;
    readonly runtime: Runtime;
    readonly signal: AbortSignal;
    /** Told who is being watched. */
    readonly onWatch: (owner: string) => void;
  },
  sheet: Sheet,
): Promise<number | undefined> {
  const { runState } = options;
  return sheet.check('lock', async (notes) => {
    const leftOpen = await countLeftOpen(runState);
    const lock = await notes.attempt(() => tryLock(options));
    if (lock === 'free' && leftOpen === 0) notes.seen('none is under way, and none left anything open');
    if (lock === 'dead' && leftOpen === 0)
      notes.notice('A run died and left its lock, which the next run takes over.');
    if (lock !== undefined && leftOpen > 0) {
      const deeds = counted(leftOpen, 'deed');
      notes.notice(
        `A run died, or could not restore the registry, and left ${deeds} to undo. What other checks found may be owed to that.`,
        recoverNow,
      );
    }
    return leftOpen;
  });
}

/** Takes the lock as a run does, on a state that changes nothing. Throws LOCK_HELD where its owner lives. */
async function tryLock({
  runState,
  runtime,
  signal,
  onWatch,
}: Parameters<typeof lookForRuns>[0]): Promise<'free' | 'dead'> {
  const verdict = new Error('this is as far as it goes without changing anything');
  let found: 'free' | 'dead' = 'free';
  const end = (so: 'free' | 'dead'): never => {
    found = so;
    throw verdict;
  };
  const state: State = {
    ...runState,
    createExclusive: async (key) => ((await runState.read(key)) === undefined ? end('free') : false),
    replaceIf: async () => end('dead'),
    append: async (key) => untouched(runState, key),
    remove: async (key) => untouched(runState, key),
  };
  const run = newRunId();
  const isRunning = (container: string) => runtime.isRunning(container);
  try {
    await takeLock({ state, run, signal, onWatch, isRunning, recover: async () => {} });
  } catch (thrown) {
    if (thrown === verdict) return found;
    throw thrown;
  }
  throw new Error('a lock was taken without being written');
}

function untouched(state: State, key: string): never {
  return fail('STORAGE_READ_ONLY', { deed: 'change', path: state.locate(key) });
}
