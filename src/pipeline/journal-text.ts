import type { Memo } from '../deed.ts';
import { isTorn, type JournalLine, type ReadLine, readLine } from './journal-line.ts';
import type { StepId } from './steps.ts';

export interface OpenDeed {
  readonly run: string;
  readonly step: StepId;
  readonly memo: Memo;
}

/** What a journal tells of deeds that were not undone. */
export interface LeftOpen {
  /** In the order in which they are undone. */
  readonly deeds: readonly OpenDeed[];
  /** Where there may have been a deed that nobody can read any more, for people. */
  readonly lost: readonly string[];
  /** Lines that another version has written, for people. */
  readonly foreign: readonly string[];
}

/**
 * What the text of a journal tells. Its end may have been cut off: that deed had not begun. Any other line that cannot
 * be read may have been a deed, unless the numbers in the lines after it say that none is missing.
 */
export function readJournal(text: string): LeftOpen {
  const runs = new Map<string, RunRead>();
  const lost: string[] = [];
  const foreign: string[] = [];
  let unread: string[] = [];
  let current: string | undefined;
  for (const { at, read } of linesOf(text)) {
    if (read === 'unreadable') {
      unread.push(`line ${at} cannot be read`);
    } else if ('foreign' in read) {
      foreign.push(`line ${at} is ${read.foreign}`);
    } else {
      const { line } = read;
      // Numbers tell what is missing of the same run alone.
      if (line.type === 'begin' || line.run !== (current ?? line.run)) lost.push(...unread);
      unread = [];
      current = line.run;
      const run = runs.get(current) ?? new RunRead(current);
      runs.set(current, run);
      run.take(line, at);
    }
  }
  const all = [...runs.values()];
  lost.push(...unread, ...all.flatMap((run) => run.missing()));
  return { deeds: inOrder(all, lost.length > 0), lost, foreign };
}

/** Runs that wrote to a journal, as far as its lines can be read. */
export function runsIn(text: string): readonly string[] {
  const lines = linesOf(text).flatMap(({ read }) =>
    typeof read === 'object' && 'line' in read ? read.line : [],
  );
  return [...new Set(lines.map(({ run }) => run))];
}

/** What the lines of one run tell. */
class RunRead {
  readonly open = new Map<number, { readonly at: number; readonly deed: OpenDeed }>();
  readonly #run: string;
  readonly #told = new Set<number>();
  #given = 0;

  constructor(run: string) {
    this.#run = run;
  }

  take(line: JournalLine, at: number): void {
    if (line.type === 'begin') return;
    const { run, id } = line;
    for (const known of [id, ...line.unwritten]) this.#told.add(known);
    this.#given = Math.max(this.#given, line.type === 'deed' ? id + 1 : line.deeds);
    if (line.type === 'deed') this.open.set(id, { at, deed: { run, step: line.step, memo: line.memo } });
    else this.open.delete(id);
  }

  missing(): readonly string[] {
    const ids = Array.from({ length: this.#given }, (_, id) => id).filter((id) => !this.#told.has(id));
    return ids.map((id) => `deed ${id} of the run ${this.#run} is missing`);
  }
}

/**
 * Newest first. Where a deed is lost, the live registry comes last: a collector that nobody knows of would sweep what
 * is pushed to it, and ends with the stand-in that it runs in.
 */
function inOrder(runs: readonly RunRead[], isLost: boolean): readonly OpenDeed[] {
  const deeds = runs
    .flatMap(({ open }) => [...open.values()])
    .sort((one, other) => other.at - one.at)
    .map(({ deed }) => deed);
  if (!isLost) return deeds;
  return [...deeds.filter(({ step }) => step !== 'stop'), ...deeds.filter(({ step }) => step === 'stop')];
}

/** `at`: the number of the line, from 1. */
function linesOf(text: string): readonly { readonly at: number; readonly read: ReadLine }[] {
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  // Whole although its line break is missing, or beyond its end, where it can only have been damaged later.
  if (rest !== '' && !isTorn(rest)) lines.push(rest);
  return lines.flatMap((line, index) => (line === '' ? [] : { at: index + 1, read: readLine(line) }));
}
