import type { ExitCode } from '../errors.ts';
import type { StorageFinding } from '../plan/findings.ts';
import type { ReportedError, Totals } from './document.ts';

/** Something that `check` found. `path` as a person finds it: an absolute path. */
export type Finding = StorageFinding;

/** The result of `check`. Later versions only add keys. */
export interface CheckDocument {
  readonly version: 1;
  readonly command: 'check';
  readonly outcome: 'ok' | 'damaged' | 'empty' | 'refused' | 'failed' | 'interrupted';
  readonly exitCode: ExitCode;
  readonly registry: { readonly version: string; readonly runtime: string; readonly storage: string } | null;
  readonly totals: Totals | null;
  /** Blobs whose content was read and hashed; null without `--read-data`. */
  readonly read: { readonly blobs: number; readonly bytes: number } | null;
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
  readonly error: ReportedError | null;
}
