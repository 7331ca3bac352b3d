import type { ExitCode } from '../errors.ts';
import type { ReportedError } from './document.ts';

/** The checks of `doctor`, in the order in which they are told. */
export const doctorChecks = [
  { id: 'configuration', title: 'Configuration' },
  { id: 'runtime', title: 'Runtime' },
  { id: 'registry', title: 'Live registry' },
  { id: 'version', title: 'Version' },
  { id: 'address', title: 'Address' },
  { id: 'credentials', title: 'Credentials' },
  { id: 'cache', title: 'Cache' },
  { id: 'writers', title: 'Other writers' },
  { id: 'storage', title: 'Storage' },
  { id: 'rights', title: 'Rights' },
  { id: 'readonly', title: 'Read-only switch' },
  { id: 'space', title: 'Space' },
  { id: 'contents', title: 'Contents' },
  { id: 'clocks', title: 'Clocks' },
  { id: 'lock', title: 'Other runs' },
  { id: 'boot', title: 'Recovery at boot' },
] as const satisfies readonly { id: string; title: string }[];

export type CheckId = (typeof doctorChecks)[number]['id'];

/** `fault`: it would stop a run. `notice`: it would not, and is worth knowing. */
export interface DoctorFinding {
  readonly severity: 'fault' | 'notice';
  readonly text: string;
  /** What belongs to it: lines of a log, problems of a file. */
  readonly details: readonly string[];
  /** What to do about it, where `text` does not say so itself. A line that begins with four blanks is a command. */
  readonly cure: readonly string[];
}

export interface DoctorCheck {
  readonly id: CheckId;
  readonly title: string;
  /** The worst of its findings. `skipped`: it could not be done, or there is nothing to it here. */
  readonly outcome: 'ok' | 'notice' | 'fault' | 'skipped';
  /** What was seen; of a skipped one, why. May be empty beside findings. */
  readonly text: string;
  /** Faults first. */
  readonly findings: readonly DoctorFinding[];
}

/** The result of `doctor`. Later versions only add keys. */
export interface DoctorDocument {
  readonly version: 1;
  readonly command: 'doctor';
  readonly outcome: 'ok' | 'faults' | 'interrupted';
  /** 0 where nothing would stop a run; otherwise that with which a run would end now. */
  readonly exitCode: ExitCode;
  readonly registry: { readonly version: string; readonly runtime: string; readonly storage: string } | null;
  /** In the order of `doctorChecks`. */
  readonly checks: readonly DoctorCheck[];
  /** Set when it was interrupted. */
  readonly error: ReportedError | null;
}
