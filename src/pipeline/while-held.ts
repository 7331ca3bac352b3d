import type { State } from '../storage/storage.ts';
import type { Journal } from './journal.ts';
import type { Held } from './lock.ts';

/**
 * `journal`, written by whoever has the lock alone: no deed is begun without it, and the journal of a run that has taken
 * over is left alone, since that one has undone all of ours.
 */
export function journalWhileHeld(journal: Journal, held: Held): Journal {
  const unlessTakenOver = async (work: () => Promise<void>): Promise<void> => {
    if (!(await held.takenOver())) await work();
  };
  return {
    async deed(step, memo) {
      await held.check();
      return journal.deed(step, memo);
    },
    undone: (id) => unlessTakenOver(() => journal.undone(id)),
    close: () => unlessTakenOver(() => journal.close()),
  };
}

/** `state`, from which nothing is removed, and nothing changed in it, once the lock is lost: for recovering. */
export function stateWhileHeld(state: State, held: Held): State {
  return {
    ...state,
    async createExclusive(key, text) {
      await held.check();
      return state.createExclusive(key, text);
    },
    async replaceIf(key, expected, text) {
      await held.check();
      return state.replaceIf(key, expected, text);
    },
    async append(key, line) {
      await held.check();
      return state.append(key, line);
    },
    async remove(key) {
      await held.check();
      return state.remove(key);
    },
  };
}
