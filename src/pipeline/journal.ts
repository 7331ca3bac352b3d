import type { Memo } from '../deed.ts';
import { CleanupError, problem } from '../errors.ts';
import type { State } from '../storage/storage.ts';
import { type JournalLine, writeLine } from './journal-line.ts';
import { type OpenDeed, readJournal, runsIn } from './journal-text.ts';
import { mustBeGone, type StepId } from './steps.ts';

export type { OpenDeed } from './journal-text.ts';

const file = 'journal.ndjson';

/** What a run has done and not yet undone, durable before it is done. There is a journal as long as a run is open. */
export interface Journal {
  /** Returns the number under which `undone` is told. */
  deed(step: StepId, memo: Memo): Promise<number>;
  undone(id: number): Promise<void>;
  /** Removes the journal if nothing in it is open any more; otherwise it stays, for the next run to recover. */
  close(): Promise<void>;
}

/** Opens the journal of run `run`. The lock must be held, and what an earlier run left open recovered. */
export async function openJournal(state: State, run: string): Promise<Journal> {
  let next = 0;
  const open = new Set<number>();
  const unwritten: number[] = [];
  const write = (line: JournalLine): Promise<void> => state.append(file, writeLine(line));
  await write({ run, type: 'begin', at: new Date().toISOString() });
  return {
    async deed(step, memo) {
      const id = next++;
      try {
        await write({ run, type: 'deed', id, step, memo, unwritten });
      } catch (error) {
        unwritten.push(id);
        throw error;
      }
      open.add(id);
      return id;
    },
    undone(id) {
      open.delete(id);
      return write({ run, type: 'undone', id, deeds: next, unwritten });
    },
    async close() {
      const journal = await state.read(file);
      const ours = runsIn(journal?.text ?? '').every((other) => other === run);
      if (open.size === 0 && ours) await state.remove(file);
    },
  };
}

/** Deeds that a dead run left open, in the order in which they are undone: newest first. */
export async function openDeeds(state: State): Promise<readonly OpenDeed[]> {
  return readJournal((await state.read(file))?.text ?? '').deeds;
}

/** How many deeds a dead run left open; what cannot be read counts as one. */
export async function countLeftOpen(state: State): Promise<number> {
  const { deeds, lost, foreign } = readJournal((await state.read(file))?.text ?? '');
  return deeds.length + lost.length + foreign.length;
}

/**
 * Undoes what a dead run left open, from the journal alone, and closes it. When something cannot be undone, or cannot
 * be read, the journal stays for the next run, and that is thrown: before all that the registry is not restored.
 */
export async function recoverJournal(
  state: State,
  undo: (memo: Memo) => Promise<void>,
): Promise<readonly OpenDeed[]> {
  const { deeds, lost, foreign } = readJournal((await state.read(file))?.text ?? '');
  const path = state.locate(file);
  // What a later version did may have to be undone before the rest.
  if (foreign.length > 0) throw problem('JOURNAL_FOREIGN', { path, found: foreign });
  const failures: unknown[] = [];
  for (const { step, memo } of deeds) {
    try {
      await undo(memo);
    } catch (error) {
      failures.push(error);
      if (mustBeGone.has(step)) break;
    }
  }
  const closed = failures.find((error) => error instanceof CleanupError && error.code === 'NOT_RESTORED');
  if (failures.length > 0) throw closed ?? failures[0];
  if (lost.length > 0) throw damage(path, lost);
  await state.remove(file);
  return deeds;
}

/** So much is told of what is damaged. */
const shown = 20;

function damage(path: string, all: readonly string[]): CleanupError {
  const more = all.length > shown ? [`and ${all.length - shown} more`] : [];
  // For a POSIX shell.
  const command = `rm '${path.replaceAll("'", `'\\''`)}'`;
  return problem('JOURNAL_DAMAGED', { path, lost: [...all.slice(0, shown), ...more], command });
}
