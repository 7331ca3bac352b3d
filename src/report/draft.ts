import type { CleanupError } from '../errors.ts';
import type { StepOutcome } from '../pipeline/events.ts';
import type { StepId } from '../pipeline/steps.ts';
import type { CollectorName, KeepReason, Plan } from '../plan/plan.ts';
import type { KeptFigures, RemovedTotals, ReportDocument, Totals } from './document.ts';

/** What a run found out, told as it is found. Only written to until the document is made of it. */
export interface Draft {
  command: 'run' | 'plan';
  dryRun: boolean;
  keepWithin: string;
  /** What sweeps, if anything is swept. */
  sweeper: CollectorName;
  registry: ReportDocument['registry'];
  plan: Plan | undefined;
  before: Totals | undefined;
  after: Totals | undefined;
  removed: RemovedTotals | undefined;
  window: ReportDocument['window'];
  collector: ReportDocument['collector'];
  isolated: ReportDocument['isolated'];
  left: { path: string; reason: string }[];
  warnings: string[];
}

/** How it ended. */
export interface Ending {
  readonly outcome: ReportDocument['outcome'];
  readonly error: CleanupError | undefined;
  readonly exitCode: ReportDocument['exitCode'];
  readonly steps: readonly { id: StepId; seconds: number; outcome: StepOutcome; note?: string }[];
}

export function newDraft(
  command: 'run' | 'plan',
  dryRun: boolean,
  { keepWithin, sweeper }: Pick<Draft, 'keepWithin' | 'sweeper'>,
): Draft {
  return {
    command,
    dryRun,
    keepWithin,
    sweeper,
    registry: null,
    plan: undefined,
    before: undefined,
    after: undefined,
    removed: undefined,
    window: { readOnlySeconds: 0, unavailableSeconds: 0 },
    collector: null,
    isolated: [],
    left: [],
    warnings: [],
  };
}

const nothing: RemovedTotals = {
  tags: 0,
  manifests: 0,
  layerLinks: 0,
  uploads: 0,
  repositories: 0,
  blobs: 0,
  bytes: 0,
};

const noBlobs = { blobs: 0, bytes: 0 };

/** The document that `--json` prints and the terminal draws from. */
export function makeDocument(draft: Draft, ending: Ending): ReportDocument {
  const { plan, dryRun } = draft;
  const totals = plan?.totals;
  const foretold = dryRun && ending.outcome === 'ok' ? totals?.removed : undefined;
  // Of a run that ended before it had measured what went, the plan's figures would claim more than was done.
  const measured = !dryRun && draft.removed !== undefined && draft.after !== undefined;
  const idle = ending.outcome === 'nothing-to-do';
  return {
    version: 1,
    command: draft.command,
    outcome: ending.outcome,
    exitCode: ending.exitCode,
    dryRun,
    registry: draft.registry,
    before: draft.before ?? totals?.before ?? null,
    after: dryRun ? null : (draft.after ?? null),
    removed: draft.removed ?? foretold ?? nothing,
    later: (idle ? totals?.removed : undefined) ?? nothing,
    kept: totals === undefined ? [] : keptFigures(totals.kept),
    young: {
      manifests: totals?.young.manifests ?? 0,
      keepWithin: draft.keepWithin,
      nextAt: totals?.young.nextAt === undefined ? null : new Date(totals.young.nextAt).toISOString(),
      ...(draft.sweeper === 'native' ? (totals?.youngBlobs ?? noBlobs) : noBlobs),
    },
    window: {
      readOnlySeconds: round(draft.window.readOnlySeconds),
      unavailableSeconds: round(draft.window.unavailableSeconds),
    },
    collector: draft.collector,
    steps: ending.steps.map((step) => ({ ...step, seconds: round(step.seconds) })),
    repositories: foretold !== undefined || measured ? changedRepositories(plan) : [],
    isolated: draft.isolated,
    ...(draft.command === 'plan' && plan !== undefined
      ? { items: { remove: idle ? [] : plan.remove, keep: plan.keep } }
      : {}),
    left: draft.left,
    warnings: draft.warnings,
    error:
      ending.error === undefined
        ? null
        : {
            code: ending.error.code,
            message: ending.error.message,
            hint: ending.error.hint,
            details: ending.error.details,
          },
  };
}

/** To the millisecond, upwards: what is measured as an outage is never told shorter than it was. */
function round(seconds: number): number {
  return Math.ceil(seconds * 1000) / 1000;
}

function keptFigures(kept: Readonly<Record<KeepReason, number>>): KeptFigures[] {
  return (Object.keys(kept) as KeepReason[])
    .map((reason) => ({ reason, manifests: kept[reason] }))
    .filter(({ manifests }) => manifests > 0);
}

/** Repositories that change, most bytes first. */
function changedRepositories(plan: Plan | undefined): ReportDocument['repositories'] {
  return (plan?.repositories ?? [])
    .filter((r) => r.manifestsBefore !== r.manifestsAfter || r.layerLinksRemoved > 0 || r.bytesFreed > 0)
    .map(({ name, tags, manifestsBefore, manifestsAfter, bytesFreed }) => ({
      name,
      tags,
      manifestsBefore,
      manifestsAfter,
      bytesFreed,
    }))
    .sort((a, b) => b.bytesFreed - a.bytesFreed || (a.name < b.name ? -1 : 1));
}
