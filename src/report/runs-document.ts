import type { ExitCode } from '../errors.ts';
import type { RemovedTotals, ReportDocument, ReportedError } from './document.ts';

/** Counts by kind: `revision`, `layer-link`, `tag-history`, `tag`, `blob`, `upload`, `repository`, `directory`. */
export type KindCounts = Readonly<Record<string, number>>;

/** A run that is on record, as `runs` lists it. */
export interface RunSummary {
  readonly id: string;
  /** When it took the lock (ISO). */
  readonly at: string;
  /**
   * `killed`: it never came to its end, and does not run. `unknown`: neither its end is on record, nor can be told from
   * here whether it runs (it does so elsewhere, or did).
   */
  readonly state: 'ended' | 'killed' | 'running' | 'unknown';
  /** How it ended; null where it did not, or that cannot be read. */
  readonly outcome: string | null;
  readonly exitCode: number | null;
  /** The code of the error with which it ended. */
  readonly error: string | null;
  readonly seconds: number | null;
  readonly removed: RemovedTotals | null;
  readonly window: ReportDocument['window'] | null;
  /** Of one that did not end: what it was about, as far as it is on record. */
  readonly doing: string | null;
  /** Of one that did not end: what it removed, and what it was about to. */
  readonly known: { readonly removed: KindCounts; readonly unknown: KindCounts } | null;
  /** The run that took over from it, having found it dead, or what it had left open; which steps that undid. */
  readonly recovered: RecoveredBy | null;
}

export interface RecoveredBy {
  readonly by: string;
  readonly at: string;
  readonly host: string;
  readonly undone: readonly string[];
}

/** The result of `runs`. Later versions only add keys. */
export interface RunsDocument {
  readonly version: 1;
  readonly command: 'runs';
  readonly exitCode: ExitCode;
  /** Where they are kept; null where that could not be found out. */
  readonly directory: string | null;
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  readonly error: ReportedError | null;
}

export interface RunItem {
  readonly kind: string;
  readonly repository: string | null;
  readonly tag: string | null;
  readonly digest: string | null;
  /** The storage key; null where the record does not name one. */
  readonly key: string | null;
  readonly because: string;
  /** `unknown`: that it was about to go is on record, and nothing after that. */
  readonly outcome: 'removed' | 'absent' | 'failed' | 'stayed' | 'unknown';
  /** Why it failed. */
  readonly reason: string | null;
}

/** What of a run is not in its report. */
export interface RunLogFigures {
  /** Of the program; null where there is no log. */
  readonly program: string | null;
  readonly host: string | null;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Of which only the number is known: there were too many of them, or they were forgotten since. */
  readonly unnamed: KindCounts;
  readonly forgotten: boolean;
  /** Items whose lines could not be written. */
  readonly missed: number;
  /** Swept by the collector, which had not announced them. */
  readonly besides: readonly string[];
}

/** The result of `runs show`. Later versions only add keys. */
export interface RunShownDocument {
  readonly version: 1;
  readonly command: 'runs show';
  readonly exitCode: ExitCode;
  readonly run: RunSummary | null;
  readonly log: RunLogFigures | null;
  /** In the order in which they went. */
  readonly items: readonly RunItem[];
  /** What `run --json` printed, but for its last step; null where the run did not come so far. */
  readonly report: ReportDocument | null;
  readonly error: ReportedError | null;
}
