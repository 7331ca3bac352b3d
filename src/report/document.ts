import type { ExitCode } from '../errors.ts';
import type { Counts } from '../inventory/inventory.ts';
import type { StepOutcome } from '../pipeline/events.ts';
import type { StepId } from '../pipeline/steps.ts';
import type { Keep, KeepReason, PlanTotals, Removal } from '../plan/plan.ts';

/** What a registry holds, measured. */
export type Totals = Counts;

/** Counts of what went, or (dry run) would go. */
export type RemovedTotals = PlanTotals['removed'];

/** An error of the catalogue, as documents carry it. */
export interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly details: readonly string[];
}

export interface RepositoryFigures {
  readonly name: string;
  readonly tags: number;
  readonly manifestsBefore: number;
  readonly manifestsAfter: number;
  /** Bytes of blobs that go and that this repository named; a blob that several named counts in the first alone. */
  readonly bytesFreed: number;
}

export interface KeptFigures {
  /** How many manifests stay for which (first) reason. */
  readonly reason: KeepReason;
  readonly manifests: number;
}

/** The result of `run` and `plan`: `--json` prints it whole, the terminal draws from it. `version` 1 only ever gains keys. */
export interface ReportDocument {
  readonly version: 1;
  readonly command: 'run' | 'plan';
  readonly outcome:
    | 'ok'
    | 'nothing-to-do'
    | 'empty'
    | 'partial'
    | 'refused'
    | 'failed'
    | 'interrupted'
    | 'not-restored'
    | 'lost';
  readonly exitCode: ExitCode;
  readonly dryRun: boolean;
  /** Null when the run ended before the registry was known. */
  readonly registry: { readonly version: string; readonly runtime: string; readonly storage: string } | null;
  readonly before: Totals | null;
  /** Null in a dry run, and where the run ended before anything could have changed. */
  readonly after: Totals | null;
  readonly removed: RemovedTotals;
  /** What could go, but is not worth closing the registry for (`nothing-to-do`): a later run takes it along. */
  readonly later: RemovedTotals;
  readonly kept: readonly KeptFigures[];
  /** Untagged manifests that stay only because they are young: when the next of them may go (ISO), and the limit ("1h"). */
  readonly young: { readonly manifests: number; readonly keepWithin: string; readonly nextAt: string | null };
  readonly window: { readonly readOnlySeconds: number; readonly unavailableSeconds: number };
  readonly collector: {
    readonly name: 'registry';
    readonly deleteUntagged: boolean;
    readonly because: string;
    readonly rehearsed: boolean;
  } | null;
  readonly steps: readonly {
    readonly id: StepId;
    readonly seconds: number;
    readonly outcome: StepOutcome;
    readonly note?: string;
  }[];
  /** Repositories that change, most bytes first. */
  readonly repositories: readonly RepositoryFigures[];
  /** `plan` alone: every item with its reason. */
  readonly items?: {
    readonly remove: readonly Removal[];
    readonly keep: readonly Keep[];
  };
  /** What could not be removed, and what was left because of it: absolute paths, each with its reason. */
  readonly left: readonly { readonly path: string; readonly reason: string }[];
  readonly warnings: readonly string[];
  readonly error: ReportedError | null;
}
