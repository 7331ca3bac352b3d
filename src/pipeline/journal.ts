import type { Memo } from '../deed.ts';
import { CleanupError } from '../errors.ts';
import type { State } from '../storage/storage.ts';
import { mustBeGone, type StepId } from './steps.ts';

const file = 'journal.ndjson';

type Line =
  | { readonly run: string; readonly type: 'begin'; readonly at: string }
  | {
      readonly run: string;
      readonly type: 'deed';
      readonly id: number;
      readonly step: StepId;
      readonly memo: Memo;
    }
  | { readonly run: string; readonly type: 'undone'; readonly id: number };

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
  const write = (line: Line): Promise<void> => state.append(file, JSON.stringify(line));
  await write({ run, type: 'begin', at: new Date().toISOString() });
  return {
    async deed(step, memo) {
      const id = next++;
      await write({ run, type: 'deed', id, step, memo });
      open.add(id);
      return id;
    },
    undone(id) {
      open.delete(id);
      return write({ run, type: 'undone', id });
    },
    async close() {
      const journal = await state.read(file);
      const ours = linesOf(journal?.text ?? '').every((line) => line.run === run);
      if (open.size === 0 && ours) await state.remove(file);
    },
  };
}

export interface OpenDeed {
  readonly run: string;
  readonly step: StepId;
  readonly memo: Memo;
}

/** Deeds that a dead run left open, newest first: the order in which they are undone. */
export async function openDeeds(state: State): Promise<OpenDeed[]> {
  const journal = await state.read(file);
  if (journal === undefined) return [];
  const open = new Map<string, OpenDeed>();
  for (const line of linesOf(journal.text)) {
    if (line.type === 'deed')
      open.set(`${line.run} ${line.id}`, { run: line.run, step: line.step, memo: line.memo });
    if (line.type === 'undone') open.delete(`${line.run} ${line.id}`);
  }
  return [...open.values()].reverse();
}

/**
 * Undoes what a dead run left open, from the journal alone, and closes it. When something cannot be undone, the journal
 * stays for the next run, and that is thrown: before all that the registry is not restored.
 */
export async function recoverJournal(
  state: State,
  undo: (memo: Memo) => Promise<void>,
): Promise<readonly OpenDeed[]> {
  const deeds = await openDeeds(state);
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
  await state.remove(file);
  return deeds;
}

function linesOf(text: string): Line[] {
  return text.split('\n').flatMap((line) => parse(line) ?? []);
}

/** A line cut off by a crash tells nothing: its deed had not begun. */
function parse(text: string): Line | undefined {
  if (text === '') return undefined;
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null && 'type' in line ? (line as Line) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
