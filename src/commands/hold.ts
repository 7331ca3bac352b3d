import type { Config } from '../config/schema.ts';
import { CleanupError } from '../errors.ts';
import type { Held, LockOptions } from '../pipeline/lock.ts';
import type { StepContext } from '../pipeline/pipeline.ts';
import { stateWhileHeld } from '../pipeline/while-held.ts';
import type { LeftOpenOptions } from './left-open.ts';

/** How long another run is waited for, and that people are told which. */
export function waiting(
  { lock }: Config,
  progress: StepContext['progress'],
): Pick<LockOptions, 'waitFor' | 'onWait' | 'onWatch'> {
  const how = lock.wait.ms > 0 ? 'waiting for' : 'watching';
  const tell = (owner: string): void => progress({ text: `${how} ${owner}` });
  return { waitFor: lock.wait.ms, onWait: tell, onWatch: tell };
}

/** Whatever goes wrong after the lock was lost is owed to that: another run changes what this one looks at. */
export async function orLoss(held: Held, error: unknown): Promise<unknown> {
  const [look] = await Promise.allSettled([held.check()]);
  const reason: unknown = look.status === 'rejected' ? look.reason : undefined;
  return reason instanceof CleanupError && reason.code === 'LOCK_LOST' ? reason : error;
}

/** What recovering needs, of use as long as the lock is held: a run that was paused meanwhile undoes nothing more. */
export function whileHeld(
  held: Held,
  { state, runtime }: Pick<LeftOpenOptions, 'state' | 'runtime'>,
): Pick<LeftOpenOptions, 'state' | 'runtime'> {
  return {
    state: stateWhileHeld(state, held),
    runtime: {
      async undo(memo) {
        await held.check();
        await runtime.undo(memo);
      },
    },
  };
}
