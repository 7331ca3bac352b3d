import type { ExitCode } from '../errors.ts';
import type { FindingKind, Severity, StorageFinding } from '../plan/findings.ts';
import type { RemovedTotals, ReportedError, Totals } from './document.ts';

/** Something that `check` found. `path` as a person finds it: an absolute path. */
export interface Finding extends StorageFinding {
  /** The exact command that gets rid of it, where there is one that is right whatever anybody wants. */
  readonly command: string | null;
}

/** How many there are of a kind. */
export interface KindCount {
  readonly severity: Severity;
  readonly kind: FindingKind;
  readonly count: number;
}

/** The result of `check`. Later versions only add keys. */
export interface CheckDocument {
  readonly version: 1;
  readonly command: 'check';
  /** `damaged`: a tag needs what is missing or damaged. `obstructed`: no tag does, but a run would refuse. */
  readonly outcome: 'ok' | 'damaged' | 'obstructed' | 'empty' | 'refused' | 'failed' | 'interrupted';
  readonly exitCode: ExitCode;
  readonly registry: { readonly version: string; readonly runtime: string; readonly storage: string } | null;
  readonly totals: Totals | null;
  /** What no tag needs: what a run would remove now. */
  readonly litter: RemovedTotals | null;
  /** Blobs whose content was read and hashed; null without `--read-data`. */
  readonly read: { readonly blobs: number; readonly bytes: number } | null;
  readonly counts: readonly KindCount[];
  /** The worst first. */
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
  readonly error: ReportedError | null;
}
