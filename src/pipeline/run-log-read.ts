import type { BatchEnd, LoggedItem } from './run-log.ts';
import { type LineOf, parseLines } from './run-log-lines.ts';

/** What a run log tells of items that went together. */
export interface LoggedBatch {
  readonly step: string;
  readonly items: readonly LoggedItem[];
  /** How many more, by kind. */
  readonly unnamed: Readonly<Record<string, number>>;
  /** Undefined: that it was about to go is the last that is known. */
  readonly end: BatchEnd | undefined;
}

/** What a run log tells, as far as it can be read. */
export interface LoggedRun {
  readonly begin: LineOf<'begin'> | undefined;
  readonly batches: readonly LoggedBatch[];
  readonly collected: LineOf<'collected'> | undefined;
  readonly released: boolean;
  readonly end: LineOf<'end'> | undefined;
  /** The first to take over: whoever comes later finds it closed. */
  readonly recovered: LineOf<'recovered'> | undefined;
  readonly forgotten: boolean;
  /** Items that are not on record. */
  readonly missed: number;
}

/** Total: what cannot be read is passed over. */
export function readRunLog(text: string): LoggedRun {
  const lines = parseLines(text);
  const only = <Type extends (typeof lines)[number]['type']>(type: Type): LineOf<Type> | undefined =>
    lines.find((line): line is LineOf<Type> => line.type === type);
  const ends = new Map<number, BatchEnd>();
  for (const line of lines) for (const one of line.done ?? []) ends.set(one.batch, one);
  const collected = only('collected');
  if (collected !== undefined) ends.set(collected.batch, { failed: [], absent: [], open: [] });
  const batches = new Map<number, { step: string; items: LoggedItem[]; unnamed: Record<string, number> }>();
  for (const line of lines) {
    if (line.type !== 'going') continue;
    const batch = batches.get(line.batch) ?? { step: line.step, items: [], unnamed: {} };
    batches.set(line.batch, batch);
    for (const { kind, repository, because, names } of line.groups) {
      const reason = line.because[because] ?? '';
      for (const name of names) batch.items.push({ kind, repository, name, because: reason });
    }
    for (const [kind, count] of Object.entries(line.unnamed)) {
      batch.unnamed[kind] = (batch.unnamed[kind] ?? 0) + count;
    }
  }
  return {
    begin: only('begin'),
    batches: [...batches].map(([number, batch]) => ({ ...batch, end: ends.get(number) })),
    collected,
    released: only('released') !== undefined,
    end: only('end'),
    recovered: only('recovered'),
    forgotten: only('forgotten') !== undefined,
    missed: lines.reduce((sum, { missed = 0 }) => sum + missed, 0),
  };
}
