import type { ExitCode } from '../errors.ts';
import type { StepId } from '../pipeline/steps.ts';
import type { ReportedError } from './document.ts';

/** Something that a dead run left open, and that is undone now. */
export interface Recovered {
  readonly run: string;
  /** The step of that run that did it. */
  readonly step: StepId;
  /** How it is now, for people: `the live registry runs again`. */
  readonly what: string;
}

/** The result of `recover`. Later versions only add keys. */
export interface RecoverDocument {
  readonly version: 1;
  readonly command: 'recover';
  /** `ok`: a lock or a journal was there, and is gone. */
  readonly outcome: 'ok' | 'nothing-to-do' | 'refused' | 'failed' | 'not-restored' | 'interrupted';
  readonly exitCode: ExitCode;
  /** In the order in which it was undone. */
  readonly recovered: readonly Recovered[];
  readonly warnings: readonly string[];
  readonly error: ReportedError | null;
}
