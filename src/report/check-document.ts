import type { ExitCode } from '../errors.ts';
import type { Totals } from './document.ts';

/** Something that `check` found. `error`: a tag, or the collector, is harmed by it. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly kind: string;
  /** As a person finds it: an absolute path. */
  readonly path: string;
  readonly repository: string | null;
  readonly tag: string | null;
  readonly detail: string;
  readonly cure: string;
}

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
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly details: readonly string[];
  } | null;
}
