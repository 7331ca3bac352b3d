import type { ExitCode } from '../errors.ts';
import type { Counts } from '../inventory/inventory.ts';
import type { StepOutcome } from '../pipeline/events.ts';
import type { StepId } from '../pipeline/steps.ts';
import type { FindingKind } from '../plan/findings.ts';
import type { CollectorName, Keep, KeepReason, PlanTotals, Removal } from '../plan/plan.ts';

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
  /** Bytes of blobs that go and that this repository named; a blob that several named counts in the first (by name) alone. */
  readonly bytesFreed: number;
}

export interface KeptFigures {
  /** How many manifests stay for which (first) reason. */
  readonly reason: KeepReason;
  readonly manifests: number;
}

/** A repository that is left as it is since something in it is damaged (`damage: isolate`), and what that is. */
export interface IsolatedRepository {
  readonly name: string;
  readonly findings: readonly {
    readonly kind: FindingKind;
    /** As a person finds it: an absolute path. */
    readonly path: string;
    /** The tag that needs it, if any does. */
    readonly tag: string | null;
    readonly detail: string;
    /** What to do about it. */
    readonly cure: string;
  }[];
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
  /**
   * Null in a dry run, and where the run ended before anything could have changed. With the native collector it is
   * measured once the registry is back: what was pushed since may be in it.
   */
  readonly after: Totals | null;
  readonly removed: RemovedTotals;
  /** What could go, but is not worth closing the registry for (`nothing-to-do`): a later run takes it along. */
  readonly later: RemovedTotals;
  readonly kept: readonly KeptFigures[];
  /**
   * Untagged manifests that stay only because they are young: when the next of them may go (ISO), and the limit ("1h").
   * `blobs` and their `bytes`: those that no manifest names, and that the native collector spares for the same reason;
   * the registry's own takes them.
   */
  readonly young: {
    readonly manifests: number;
    readonly keepWithin: string;
    readonly nextAt: string | null;
    readonly blobs: number;
    readonly bytes: number;
  };
  readonly window: { readonly readOnlySeconds: number; readonly unavailableSeconds: number };
  /** What sweeps blobs. `because`: why `--delete-untagged` is passed or not; of the native one, which has no such flag, why it is that. */
  readonly collector: {
    readonly name: CollectorName;
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
  /** Those that are left alone; none unless `damage` is `isolate`. */
  readonly isolated: readonly IsolatedRepository[];
  /** `plan` alone: every item with its reason. Made when they are asked for, since they may be millions. */
  readonly items?: {
    readonly remove: Iterable<Removal>;
    readonly keep: Iterable<Keep>;
  };
  /** What could not be removed, and what was left because of it: absolute paths, each with its reason. */
  readonly left: readonly { readonly path: string; readonly reason: string }[];
  readonly warnings: readonly string[];
  readonly error: ReportedError | null;
}
