import { count, seconds } from '../format.ts';
import type { StepOutcome } from '../pipeline/events.ts';
import { type Paint, type Palette, spread, width, wrap } from '../screen.ts';

/** The times stand at the right end of the lines, but on a wide terminal not further off than this. */
const widest = 100;
/** Left of every line: the icon and a blank; right of it: two columns that listr2 leaves free. */
const margin = 4;
/** So many warnings are shown below a row; the others are counted, and the report has them all. */
const warningLimit = 5;
/** A running row shows its time once it is worth looking at. */
const patience = 2;

export type RowOutcome = StepOutcome | 'warning';

/** How a row ended. */
interface RowEnd {
  readonly outcome: RowOutcome;
  readonly seconds: number;
  readonly note: string;
}

/** A row of the terminal view. Changed by events, read by whoever draws. Its texts are safe to print. */
export interface Row {
  readonly title: string;
  readonly since: number;
  /** Lines that came meanwhile and stay. */
  readonly remarks: { readonly text: string; readonly tone: 'good' | 'bad' | 'warning' }[];
  /** The line that changes. */
  progress: string;
  end: RowEnd | undefined;
  /** Settles when `end` is set. */
  readonly ended: Promise<void>;
  readonly finish: (end: RowEnd) => void;
}

export function rowOf(title: string): Row {
  const { promise, resolve } = Promise.withResolvers<void>();
  const row: Row = {
    title,
    since: performance.now(),
    remarks: [],
    progress: '',
    end: undefined,
    ended: promise,
    finish: (end) => {
      row.end ??= end;
      resolve();
    },
  };
  return row;
}

/** How many columns a row's text may take on a terminal of `columns`. */
export function roomOf(columns: number): number {
  return Math.max(16, Math.min(columns, widest) - margin);
}

const plain: Paint = (text) => text;

/** The row as it is now, lines joined by newlines: what it does and its time, what came of it, what came meanwhile. */
export function rowText(row: Row, room: number, paint: Palette): string {
  return [...headOf(row, room, paint), ...remarksOf(row, room, paint)].join('\n');
}

/** What the row is busy with, in one line; undefined when there is nothing to tell. */
export function progressOf(row: Row, room: number): string | undefined {
  if (row.progress === '') return undefined;
  const [first = '', ...more] = wrap(row.progress, room - margin);
  return more.length === 0 ? first : `${first}…`;
}

function headOf({ title, since, end }: Row, room: number, paint: Palette): string[] {
  if (end === undefined) {
    const span = (performance.now() - since) / 1000;
    return [span < patience ? title : spread(title, paint.dim(seconds(Math.floor(span))), room)];
  }
  const { outcome, note } = end;
  const told = outcome === 'failed' || outcome === 'interrupted' ? `${title} · ${outcome}` : title;
  const time = outcome === 'skipped' || outcome === 'warning' ? '' : seconds(end.seconds);
  const whole = note === '' ? told : `${told} · ${note}`;
  const beforeTime = room - (time === '' ? 0 : width(time) + 2);
  const fits = width(whole) <= beforeTime;
  const [first = '', ...rest] = fits ? [whole] : wrap(told, beforeTime);
  const color = {
    ok: plain,
    skipped: paint.dim,
    failed: paint.red,
    interrupted: paint.yellow,
    warning: paint.yellow,
  }[outcome];
  const beside = color(first.slice(0, told.length)) + paint.dim(first.slice(told.length));
  const top = time === '' ? beside : spread(beside, paint.dim(time), room);
  const below =
    fits || note === '' ? [] : wrap(note, room - 2).map(outcome === 'failed' ? paint.red : paint.dim);
  return [top, ...rest.map(color), ...below];
}

function remarksOf(row: Row, room: number, paint: Palette): string[] {
  const looks = {
    good: { icon: '✔', color: paint.dim },
    bad: { icon: '✖', color: paint.red },
    warning: { icon: '⚠', color: paint.yellow },
  };
  let warnings = 0;
  const lines = row.remarks.flatMap(({ text, tone }) => {
    if (tone === 'warning' && ++warnings > warningLimit) return [];
    const { icon, color } = looks[tone];
    return wrap(`${icon} ${text}`, room - 2, '  ').map(color);
  });
  const unseen = warnings - warningLimit;
  return unseen > 0 ? [...lines, paint.yellow(`⚠ and ${count(unseen)} more`)] : lines;
}
