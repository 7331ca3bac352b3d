import { reasonOf } from '../errors.ts';
import type { Emit } from '../pipeline/events.ts';
import type { Held } from '../pipeline/lock.ts';
import type { State } from '../storage/storage.ts';

/**
 * Sweeps what dead runs left in the state directory, and sets space aside for the day on which the disk is full. Nothing
 * of this run depends on it: what goes wrong is told, and that is all.
 */
export async function prepareState(state: State, held: Held, emit: Emit): Promise<void> {
  try {
    if (!(await held.takenOver())) await state.prepare();
  } catch (error) {
    emit({ type: 'warning', text: `no space could be set aside for later runs: ${reasonOf(error)}` });
  }
}
