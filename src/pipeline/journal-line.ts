import { createHash } from 'node:crypto';
import type { Memo } from '../deed.ts';
import { type StepId, steps } from './steps.ts';

/**
 * A line of the journal. A run numbers its deeds from 0. `deeds`: how many numbers it had given by then. `unwritten`:
 * numbers of deeds that are in no line, or in half a one, because writing it failed: they were not done.
 */
export type JournalLine =
  | { readonly run: string; readonly type: 'begin'; readonly at: string }
  | {
      readonly run: string;
      readonly type: 'deed';
      readonly id: number;
      readonly step: StepId;
      readonly memo: Memo;
      readonly unwritten: readonly number[];
    }
  | {
      readonly run: string;
      readonly type: 'undone';
      readonly id: number;
      readonly deeds: number;
      readonly unwritten: readonly number[];
    };

/** `foreign`: whole, and of a kind that this version does not know. */
export type ReadLine = { readonly line: JournalLine } | { readonly foreign: string } | 'unreadable';

const tail = /,"sum":"([0-9a-f]{16})"\}$/;
const stepIds: ReadonlySet<string> = new Set(steps.map(({ id }) => id));

/** As JSON on one line, with a sum of itself at the end: a number that a bad disk changed must not close another deed. */
export function writeLine(line: JournalLine): string {
  const text = JSON.stringify(line);
  return `${text.slice(0, -1)},"sum":"${sumOf(text)}"}`;
}

/** Never throws, whatever the text. What is read was written so, to the letter. */
export function readLine(text: string): ReadLine {
  const sum = tail.exec(text);
  if (sum === null) return 'unreadable';
  const body = `${text.slice(0, sum.index)}}`;
  if (sumOf(body) !== sum[1]) return 'unreadable';
  const value = JSON.parse(body) as Partial<JournalLine>;
  if (value.type === 'begin' || value.type === 'undone') return { line: value as JournalLine };
  if (value.type !== 'deed') return { foreign: `a line of the kind ${JSON.stringify(value.type)}` };
  return stepIds.has(value.step ?? '')
    ? { line: value as JournalLine }
    : { foreign: `a deed of the step ${JSON.stringify(value.step)}` };
}

/** Whether the last piece of the file, without a line break, was cut off while it was written: it has not come to its sum. */
export function isTorn(text: string): boolean {
  return !/,"sum":"[0-9a-f]{16}"\}/.test(text);
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
