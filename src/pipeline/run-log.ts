import { CleanupError } from '../errors.ts';
import type { State } from '../storage/storage.ts';
import { selfAsOwner } from './owner.ts';
import { forgetOldRuns, logOf } from './records.ts';
import type { LineOf, LogLine } from './run-log-lines.ts';

/** Something that is about to go, in few words: how it is called within its repository. */
export interface LoggedItem {
  readonly kind: string;
  readonly repository?: string;
  readonly name: string;
  readonly because: string;
}

export type Begin = Pick<LineOf<'begin'>, 'version' | 'registry' | 'settings'>;
export type End = Pick<LineOf<'end'>, 'outcome' | 'exitCode' | 'seconds' | 'error' | 'removed' | 'window'>;

/** How a batch ended, its items told by `referenceTo`. What is not mentioned was removed. */
export interface BatchEnd {
  /** With the reason. */
  readonly failed: readonly (readonly [string, string])[];
  /** What was not there. */
  readonly absent: readonly string[];
  /** What the run did not come to. */
  readonly open: readonly string[];
}

/** One digest may go from several repositories at once. */
export function referenceTo({ repository, name }: Pick<LoggedItem, 'repository' | 'name'>): string {
  return `${repository ?? ''} ${name}`;
}

/**
 * What a run is about to remove, durable before it is removed, so that it is known of a killed run, too. Where the disk
 * is full the run goes on without: nothing here throws for what the state refuses.
 */
export interface RunLog {
  /** Returns the number of the batch once it is on disk. An empty one is not written. */
  going(step: string, items: Iterable<LoggedItem>): Promise<number>;
  /** Tells how a batch ended; written with the next line. */
  ended(batch: number, how: BatchEnd): void;
  collected(of: Pick<LineOf<'collected'>, 'batch' | 'blobs' | 'spared' | 'besides'>): Promise<void>;
  released(): Promise<void>;
  end(how: End): Promise<void>;
}

export interface RunLogOptions {
  readonly state: State;
  readonly run: string;
  readonly begin: Begin;
  /** Told once, when something could not be written. */
  readonly onMissed: (error: CleanupError) => void;
  /** Characters that the names of items may take in this log; those beyond are counted. */
  readonly namesAtMost?: number;
}

/** Some 450,000 digests. Of all logs together twice as much is kept: see records.ts. */
const namesAtMost = 32 * 1024 * 1024;
/** So many items at most in one line: what a torn line loses, and how much is put together in memory. */
const itemsInLine = 4_000;

/** Opens the log of a run. The lock must be held. */
export async function openRunLog(options: RunLogOptions): Promise<RunLog> {
  const { state, run, onMissed } = options;
  let room = options.namesAtMost ?? namesAtMost;
  let batch = 0;
  let missed = 0;
  let told = false;
  let done: NonNullable<LogLine['done']> = [];

  /** True once it is on disk. */
  async function attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof CleanupError)) throw error;
      if (!told) onMissed(error);
      told = true;
      return false;
    }
  }

  async function write(line: NewLine): Promise<boolean> {
    const whole = {
      ...line,
      at: new Date().toISOString(),
      ...(done.length > 0 ? { done } : {}),
      ...(missed > 0 ? { missed } : {}),
    };
    const written = await attempt(() => state.append(logOf(run), JSON.stringify(whole)));
    if (!written) return false;
    done = [];
    missed = 0;
    return true;
  }

  await attempt(() => forgetOldRuns(state, run));
  await write({ type: 'begin', owner: selfAsOwner(run), ...options.begin });
  return {
    async going(step, items) {
      batch++;
      /** Beyond what may be named. */
      const unnamed: Record<string, number> = {};
      let part: LoggedItem[] = [];
      async function flush(rest: Record<string, number>): Promise<void> {
        const line = { type: 'going', step, batch, ...grouped(part), unnamed: rest } as const;
        // What is around the names of many small repositories is more than the names.
        room -= JSON.stringify(line.groups).length - sizeOf(part);
        if (!(await write(line))) missed += part.length + sumOf(rest);
        part = [];
      }
      for (const item of items) {
        const size = sizeOf([item]);
        if (size > room) {
          unnamed[item.kind] = (unnamed[item.kind] ?? 0) + 1;
          continue;
        }
        room -= size;
        part.push(item);
        if (part.length === itemsInLine) await flush({});
      }
      if (part.length > 0 || sumOf(unnamed) > 0) await flush(unnamed);
      return batch;
    },
    ended(number, { failed, absent, open }) {
      const reasons = failed.map(([name, reason]): [string, string] => [name, reason]);
      done.push({ batch: number, failed: reasons, absent: [...absent], open: [...open] });
    },
    async collected(of) {
      await write({ type: 'collected', ...of });
    },
    async released() {
      await write({ type: 'released' });
    },
    async end(how) {
      await write({ type: 'end', ...how });
    },
  };
}

type NewLine = LogLine extends infer Line ? (Line extends LogLine ? Omit<Line, keyof Told> : never) : never;
type Told = Pick<LogLine, 'at' | 'done' | 'missed'>;

type Group = LineOf<'going'>['groups'][number];

/** Items under kind, repository and reason. */
function grouped(items: readonly LoggedItem[]): { groups: Group[]; because: string[] } {
  const groups = new Map<string, Group>();
  const because = new Map<string, number>();
  let last: { readonly group: Group; readonly text: string } | undefined;
  for (const { kind, repository, name, because: text } of items) {
    // They come in such order, mostly.
    const isSame = last?.text === text && last.group.kind === kind && last.group.repository === repository;
    if (last === undefined || !isSame) {
      const reason = because.get(text) ?? because.size;
      because.set(text, reason);
      const key = JSON.stringify([kind, repository, reason]);
      const group = groups.get(key) ?? { kind, repository, because: reason, names: [] };
      groups.set(key, group);
      last = { group, text };
    }
    last.group.names.push(name);
  }
  return { groups: [...groups.values()], because: [...because.keys()] };
}

/** Of the names, with what JSON puts around each. */
function sizeOf(items: readonly LoggedItem[]): number {
  return items.reduce((sum, { name }) => sum + name.length + 3, 0);
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
