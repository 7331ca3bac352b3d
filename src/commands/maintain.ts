import { collectorOf } from '../config/collector.ts';
import type { Config } from '../config/schema.ts';
import { counted } from '../format.ts';
import type { Threads } from '../inventory/threads.ts';
import { countLeftOpen, type Journal, openJournal } from '../pipeline/journal.ts';
import { type Held, takeLock } from '../pipeline/lock.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { hasRunSince } from '../pipeline/records.ts';
import { journalWhileHeld } from '../pipeline/while-held.ts';
import { decideDeleteUntagged } from '../plan/delete-untagged.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { warningsOf } from '../plan/warnings.ts';
import type { Client } from '../registry/client.ts';
import type { Draft } from '../report/draft.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { State } from '../storage/storage.ts';
import { clean } from './clean.ts';
import { nativeCollector } from './collect-native.ts';
import { orLoss, waiting, whileHeld } from './hold.ts';
import { isolatedOf } from './isolated.ts';
import { undoLeftOpen } from './left-open.ts';
import { aboutOf, guard, read } from './look.ts';
import { type FirstSight, firstSight, type Preflight, preflight } from './preflight.ts';
import { prepareState } from './prepare-state.ts';
import type { Aftermath, RunOptions } from './run.ts';
import { closeLog, noteTakenOver, openLog } from './runs/log.ts';
import { newRunId, policyOf } from './session.ts';

export interface MaintainOptions extends RunOptions {
  readonly dryRun: boolean;
  readonly pipeline: Pipeline;
  readonly draft: Draft;
  readonly aftermath: Aftermath;
  /** Of all readings. */
  readonly threads: Threads;
}

export interface Maintained {
  readonly outcome: 'ok' | 'nothing-to-do' | 'empty' | 'partial';
  /** What is still to be proved once the registry is open again. */
  readonly verifyLive?: () => Promise<void>;
}

/** The way through: look while the registry is live; close it only if there is something to close it for. */
export async function maintain(options: MaintainOptions): Promise<Maintained> {
  let held: Held | undefined;
  try {
    return await goThrough(options, (one) => {
      held = one;
    });
  } catch (error) {
    throw held === undefined || options.signal.aborted ? error : await orLoss(held, error);
  }
}

async function goThrough(options: MaintainOptions, onHeld: (held: Held) => void): Promise<Maintained> {
  const { config, dryRun, pipeline, draft, emit } = options;
  const runId = newRunId();
  const told = new Set<string>();
  // Whoever looks twice is told things once.
  const looking: MaintainOptions = {
    ...options,
    emit(event) {
      if (event.type === 'warning' && told.has(event.text)) return;
      if (event.type === 'warning') told.add(event.text);
      emit(event);
    },
  };

  const look = (): Promise<FirstSight & { found?: Preflight }> =>
    pipeline.step('preflight', async ({ signal, note }) => {
      const began = Date.now();
      const sight = await firstSight(looking, signal);
      if (sight.leftOpen > 0 && !dryRun) {
        note('an earlier run left something open: it is recovered first');
        return sight;
      }
      const found = await preflight(looking, sight, signal).catch((error: unknown) =>
        unlessAnotherRan(options, sight.runState, began, error),
      );
      if (found === undefined) return sight;
      note(`registry ${sight.state.version}, ${sight.state.live}, ${found.storage.locate('')}`);
      return { ...sight, found };
    });
  const sight = await look();
  if (sight.found?.ground.kind === 'empty') return { outcome: 'empty' };

  const { runState } = sight;
  const held = dryRun ? undefined : await lock(options, sight.runtime, runState, runId);
  if (held !== undefined) onHeld(held);
  // What another run did since the first look, or did not run a moment ago since one had stopped it, and is back.
  const wasStopped = sight.state.live === 'stopped' && config.registry.live !== 'stopped';
  const stale = held !== undefined && (held.contended || wasStopped);
  const found = sight.found === undefined || stale ? (await look()).found : sight.found;
  if (found === undefined) throw new Error('an earlier run is recovered, and still open');
  const { state, storage, ground, apiRepositories } = found;
  if (ground.kind === 'empty') return { outcome: 'empty' };
  const policy = policyOf(config, held?.takenAt ?? Date.now(), state.major);

  const collector = collectorOf(config);
  const inventory = await pipeline.step('inventory', (context) =>
    read(storage, context, { thorough: collector === 'registry', threads: options.threads }),
  );
  draft.before = inventory.counts;

  const plan = await pipeline.step('plan', async ({ note }) => {
    const made = makePlan(inventory, policy);
    const locate = (key: string): string => storage.locate(key);
    for (const text of warningsOf(inventory, locate, collector)) emit({ type: 'warning', text });
    guard(made, { config, state, reader: storage, missing: ground.missing, apiRepositories });
    draft.isolated = isolatedOf(made, aboutOf(config, state, ground.missing), locate);
    const { manifests, layerLinks, blobs } = made.totals.removed;
    const go = `${counted(manifests, 'manifest')}, ${counted(layerLinks, 'layer link')} and ${counted(blobs, 'blob')} go`;
    const alone = draft.isolated.length;
    note(alone === 0 ? go : `${go}; ${counted(alone, 'damaged repository')} left alone`);
    return made;
  });
  draft.plan = plan;
  draft.collector = plan.worthwhile ? collectorFor(plan, config) : null;

  if (!plan.worthwhile || ground.missing.length > 0) {
    draft.after = dryRun ? undefined : inventory.counts;
    return { outcome: 'nothing-to-do' };
  }
  if (held === undefined) return { outcome: 'ok' };
  return clean({ ...options, ...found, missing: ground.missing, held, policy, plan, runId });
}

/** What will sweep, and how. Nothing is rehearsed yet. */
function collectorFor(plan: Plan, config: Config): Draft['collector'] {
  if (collectorOf(config) === 'native') return nativeCollector(config);
  const { value, because } = decideDeleteUntagged(plan, config.garbageCollect.deleteUntagged);
  return { name: 'registry', deleteUntagged: value, because, rehearsed: false };
}

/** The storage's clock may be behind ours by so much. ms */
const clocksDiffer = 5_000;

/**
 * What goes wrong while another run closes the registry is owed to that: it holds the lock, and taking that tells so. So
 * may be what went wrong when one has ended since: with the lock, everything is looked at anew.
 */
async function unlessAnotherRan(
  { dryRun }: MaintainOptions,
  runState: State,
  began: number,
  error: unknown,
): Promise<undefined> {
  if (dryRun) throw error;
  if ((await countLeftOpen(runState)) > 0 || (await hasRunSince(runState, began - clocksDiffer)))
    return undefined;
  throw error;
}

async function lock(options: MaintainOptions, runtime: Runtime, state: State, run: string): Promise<Held> {
  const { pipeline, emit, config, draft, aftermath } = options;
  return pipeline.step('lock', async ({ signal, note, progress }) => {
    const held = await takeLock({
      state,
      run,
      signal,
      ...waiting(config, progress),
      isRunning: (container) => runtime.isRunning(container),
      recover: async (held) => {
        const about = { state, run, config, registry: draft.registry, emit };
        const log = await openLog(about);
        aftermath.log = log;
        aftermath.record = (document) => closeLog(log, about, document);
        const recovered = await undoLeftOpen(whileHeld(held, { state, runtime }));
        await noteTakenOver(about, recovered);
        if (recovered.length === 0) return;
        const deeds = counted(recovered.length, 'deed');
        emit({ type: 'warning', text: `an earlier run had not been able to restore: ${deeds} undone now` });
      },
    });
    let journal: Journal | undefined;
    pipeline.defer('lock', async () => {
      await aftermath.log?.released();
      await prepareState(state, held, emit);
      await journal?.close();
      await held.release();
    });
    await prepareState(state, held, emit);
    journal = journalWhileHeld(await openJournal(state, run), held);
    pipeline.journalTo(journal);
    note(state.locate('lock'));
    return held;
  });
}

/** Runs `work` with `client` and closes it, whatever happens. */
export async function withClient<T>(client: Client, work: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
