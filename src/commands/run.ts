import { collectorOf } from '../config/collector.ts';
import type { StorageRootHint } from '../config/legacy.ts';
import type { Config } from '../config/schema.ts';
import { CleanupError, problem, reasonOf } from '../errors.ts';
import { Threads } from '../inventory/threads.ts';
import type { Emit } from '../pipeline/events.ts';
import { type Limits, startLimits } from '../pipeline/limits.ts';
import { Pipeline, type UndoFailure } from '../pipeline/pipeline.ts';
import type { RunLog } from '../pipeline/run-log.ts';
import { mustBeGone } from '../pipeline/steps.ts';
import type { ReportDocument } from '../report/document.ts';
import { type Draft, makeDocument, newDraft } from '../report/draft.ts';
import { endingOf } from './ending.ts';
import { maintain } from './maintain.ts';
import { closeLogOfBug } from './runs/log.ts';

export interface RunOptions {
  readonly config: Config;
  /** What loading the configuration had to say. */
  readonly warnings: readonly string[];
  /** Where an earlier tool's variable says that the storage is. */
  readonly storageRootHint?: StorageRootHint;
  readonly command: 'run' | 'plan';
  readonly emit: Emit;
  /** Interrupts: what has begun is undone. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/** What a run leaves for the end, whatever happened: how to restore by hand, and what was measured. */
export interface Aftermath {
  byHand: string | undefined;
  window: (() => ReportDocument['window']) | undefined;
  /** NOT_FRESH: told at the end, since nobody can undo more than was undone. */
  stale: CleanupError | undefined;
  /** Closes what the runtime keeps open. */
  close: (() => Promise<void>) | undefined;
  /** Where what is about to be removed is put on record; undefined without the lock. */
  log: RunLog | undefined;
  /** Keeps the document among the runs; undefined without the lock. */
  record: ((document: ReportDocument) => Promise<void>) | undefined;
  /** Proves that nothing was lost, for a run that its time ended: every run may end so. */
  verifyLive: (() => Promise<void>) | undefined;
}

/**
 * Cleans the registry, or (`plan`, dry run) tells what that would do. Never throws what the catalogue knows: the
 * document says how it ended. Bugs are thrown, after everything was undone.
 */
export async function run(options: RunOptions): Promise<ReportDocument> {
  const { config, command, signal } = options;
  const dryRun = config.dryRun || command === 'plan';
  const draft = newDraft(command, dryRun, {
    keepWithin: config.untagged.keepWithin.text,
    sweeper: collectorOf(config),
  });
  const emit: Emit = (event) => {
    if (event.type === 'warning') draft.warnings.push(event.text);
    options.emit(event);
  };
  using limits = startLimits(dryRun ? none : limitsOf(config));
  await using threads = new Threads();
  const pipeline = new Pipeline({ emit, signal, deadline: limits.signal });
  const aftermath: Aftermath = {
    byHand: undefined,
    window: undefined,
    stale: undefined,
    close: undefined,
    log: undefined,
    record: undefined,
    verifyLive: undefined,
  };
  for (const text of options.warnings) emit({ type: 'warning', text });
  let thrown: unknown;
  let outcome: 'ok' | 'nothing-to-do' | 'empty' | 'partial' = 'ok';
  try {
    const after = await maintain({ ...options, dryRun, emit, pipeline, draft, aftermath, threads });
    outcome = after.outcome;
    await restore(pipeline, draft, aftermath);
    await after.verifyLive?.();
  } catch (error) {
    thrown = error;
    // A second round for what is still on the stack; nothing where `restore` has emptied it.
    const worse = await restore(pipeline, draft, aftermath).catch((worse: unknown) => worse);
    if (worse !== undefined) {
      for (const text of textsOf(thrown)) emit({ type: 'warning', text });
      thrown = worse;
    } else if (isOutOfTime(thrown)) {
      await aftermath.verifyLive?.().catch((worse: unknown) => {
        thrown = worse;
      });
    }
  }
  await aftermath.close?.();
  if (thrown === undefined && signal.aborted) thrown = signal.reason;
  if (thrown !== undefined && !(thrown instanceof CleanupError)) {
    if (aftermath.log !== undefined) await closeLogOfBug(aftermath.log);
    throw thrown;
  }
  const error = thrown;
  const document = makeDocument(draft, endingOf(outcome, error, pipeline.records));
  const { record } = aftermath;
  if (record === undefined) return document;
  // A run is not worse for a full disk that has no room for its record.
  await pipeline
    .lastStep('report', () => record(document))
    .catch((error: unknown) => {
      emit({ type: 'warning', text: `the record of this run could not be kept: ${reasonOf(error)}` });
    });
  return makeDocument(draft, endingOf(outcome, error ?? interruptionOf(signal), pipeline.records));
}

/** A dry run disturbs nobody. */
const none: Limits = { maxDuration: undefined, window: undefined };

function limitsOf({ limits: { maxDuration, window, timeZone } }: Config): Limits {
  return {
    maxDuration,
    window: window === undefined || timeZone === undefined ? undefined : { ...window, timeZone },
  };
}

function isOutOfTime(thrown: unknown): boolean {
  return thrown instanceof CleanupError && thrown.code === 'OUT_OF_TIME';
}

/** Whoever interrupts while the record is written is told so as well. */
function interruptionOf({ aborted, reason }: AbortSignal): CleanupError | undefined {
  return aborted && reason instanceof CleanupError ? reason : undefined;
}

/** Undoes everything that was done, and says so loudly when that failed. */
async function restore(pipeline: Pipeline, draft: Draft, aftermath: Aftermath): Promise<void> {
  const failures: UndoFailure[] = [...(await pipeline.undoAll())];
  if (aftermath.window !== undefined) draft.window = aftermath.window();
  if (aftermath.stale !== undefined) failures.push({ step: 'apply', error: aftermath.stale });
  aftermath.stale = undefined;
  if (failures.length === 0) return;
  const reasons = failures.flatMap(({ step, error }) => textsOf(error).map((text) => `${step}: ${text}`));
  const serious = failures.filter(({ step }) => step !== 'lock').map(({ error }) => error);
  // The registry runs; what is to be done by hand is something else, and the error says what.
  const stale = serious.find((error) => error instanceof CleanupError && isStale(error));
  if (stale !== undefined && serious.length === 1) throw stale;
  if (serious.length > 0) {
    // Beside a collector that cannot be ended nobody may start it.
    const blocked = failures.some(({ step }) => mustBeGone.has(step));
    const command = blocked ? undefined : (aftermath.byHand ?? 'systemctl start docker-registry');
    throw problem('NOT_RESTORED', { reasons, command: command ?? 'registry-cleanup recover' });
  }
  draft.warnings.push(...reasons);
}

function isStale({ code }: CleanupError): boolean {
  return code === 'NOT_FLUSHED' || code === 'NOT_FRESH';
}

/** What an error says that is told beside another one. Of NOT_RESTORED only the reasons: that is said louder. */
function textsOf(error: unknown): readonly string[] {
  if (!(error instanceof CleanupError)) return [reasonOf(error)];
  return error.code === 'NOT_RESTORED' ? error.details : [error.message, ...error.details];
}
