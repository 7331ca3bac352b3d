import { type Applied, applyPlan } from '../apply/apply.ts';
import { nobodyWroteBefore } from '../apply/nobody-wrote.ts';
import { isMany, Removers } from '../apply/remover.ts';
import { type Tidied, tidy } from '../apply/tidy.ts';
import { unlessTakenOver } from '../apply/watch.ts';
import { collectorOf } from '../config/collector.ts';
import type { Deed } from '../deed.ts';
import { CleanupError } from '../errors.ts';
import { counted } from '../format.ts';
import { tidyHeap } from '../heap.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { Held } from '../pipeline/lock.ts';
import { isLeftAlone } from '../plan/isolate.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Plan, Policy } from '../plan/plan.ts';
import type { RegistryState, Runtime } from '../runtime/runtime.ts';
import type { Storage } from '../storage/storage.ts';
import { type Closed, close } from './close.ts';
import { collectNatively } from './collect-native.ts';
import { collectByRegistry } from './collect-registry.ts';
import { isolatedOf } from './isolated.ts';
import { aboutOf, guard, read } from './look.ts';
import type { Maintained, MaintainOptions } from './maintain.ts';
import { referencesRemoved } from './measure.ts';
import type { Aftermath } from './run.ts';
import { logBatches } from './runs/batches.ts';
import { type Behind, type Done, type Swept, tellLeft } from './sweeper.ts';

export interface CleanOptions extends MaintainOptions {
  readonly runtime: Runtime;
  readonly state: RegistryState;
  readonly storage: Storage;
  readonly missing: readonly string[];
  readonly apiRepositories: readonly string[] | undefined;
  readonly hasAuth: boolean;
  readonly held: Held;
  readonly policy: Policy;
  /** Made while the registry was live. */
  readonly plan: Plan;
  readonly runId: string;
}

const sweepers = { registry: collectByRegistry, native: collectNatively };

/** Everything behind closed doors. What it pushes on the undo stack is undone by the caller, whatever happens. */
export async function clean(options: CleanOptions): Promise<Maintained> {
  const { config, draft, runtime, state, runId, aftermath } = options;
  const fence = runtime.fence(state, { standIn: config.readonlyInstance, runId });
  aftermath.byHand = fence.byHand;
  aftermath.window = () => fence.window();

  // Threads take as long to begin as many a run is closed: they do so before that.
  await using removers = new Removers(options.storage);
  removers.begin(largestRemoval(options));
  tidyHeap();
  const closed = await close(options, fence);
  const plan = await recheck(options, closed);
  draft.plan = plan;
  draft.before = plan.totals.before;
  if (!plan.worthwhile) return { outcome: 'nothing-to-do' };

  if (isMany(largestRemoval(options))) await options.threads.close();
  const behind: Behind = { options, fence, closed, plan, removers };
  const sweeper = sweepers[collectorOf(config)](behind);
  aftermath.verifyLive = () => sweeper.verifyLive(undefined);
  const applied = await removeReferences(behind);
  const swept = await sweeper.sweep(applied);
  // What is left to remove is little, and what they hold is not.
  await removers.close();
  const tidied = await tidyUp(behind, swept);
  const done: Done = { applied, swept, tidied };
  await sweeper.verify(done);
  return {
    outcome: applied.left.length + swept.left + tidied.left.length > 0 ? 'partial' : 'ok',
    verifyLive: () => sweeper.verifyLive(done),
  };
}

/** How many files go at a time, at most. */
function largestRemoval({ config, plan: { remove } }: CleanOptions): number {
  const blobs = collectorOf(config) === 'native' ? remove.count('blob') : 0;
  return Math.max(remove.count('tag-history'), remove.count('revision'), remove.count('layer-link'), blobs);
}

/** The look behind the fence: what goes is what both looks let go. */
function recheck(options: CleanOptions, { since }: Closed): Promise<Plan> {
  const { config, draft, pipeline, storage, held, policy, state, missing, threads } = options;
  const known = options.plan.kept.inventory;
  const thorough = collectorOf(config) === 'registry';
  async function planAgain(inventory: Inventory): Promise<Plan> {
    // Where nothing has moved, the first plan stands: with time, more may go, and nothing more must stay.
    if (inventory === known) return options.plan;
    nobodyWroteBefore(known, inventory, since, storage);
    // What was moved before the registry stopped is in the past: by the first look's clock it would be in the future.
    return makePlan(inventory, { ...policy, now: await held.now() }, options.plan);
  }
  return pipeline.step('recheck', async (context) => {
    const inventory = await read(storage, context, { known, thorough, threads });
    const second = await planAgain(inventory);
    guard(second, { ...options, reader: storage, apiRepositories: undefined });
    draft.isolated = isolatedOf(second, aboutOf(config, state, missing), (key) => storage.locate(key));
    return second;
  });
}

function removeReferences({
  options,
  closed: { prove, stillSafe },
  plan,
  removers,
}: Behind): Promise<Applied> {
  const { pipeline, draft, storage, runtime, state, held, runId, aftermath } = options;
  const flush = runtime.flush(state, { runId });
  return pipeline.step('apply', async ({ signal, progress, note }) => {
    await prove(signal);
    const renew = runtime.renew(state, { runId });
    if (renew !== undefined)
      await pipeline.deed('apply', unlessTakenOver(toldLater(renew, aftermath), held), {
        quiet: true,
      });
    // A cached link or manifest goes stale here already, not only when the collector takes the blob.
    if (flush !== undefined) await pipeline.deed('apply', unlessTakenOver(flush, held));
    const logged = logBatches(aftermath.log, 'apply');
    const done = await applyPlan(storage, plan, held, {
      ...logged.hooks,
      signal,
      removers,
      stillSafe,
      onLeft: tellLeft(options),
      onRemoved: (removed) => {
        draft.removed = referencesRemoved(removed);
      },
      onProgress: (count, total) => progress({ done: count, total }),
    }).finally(logged.close);
    const { revision, 'layer-link': links } = done.removed;
    note(`${counted(revision, 'manifest')} and ${counted(links, 'layer link')} removed`);
    return done;
  });
}

function tidyUp({ options, closed: { stillSafe }, plan }: Behind, { emptied }: Swept): Promise<Tidied> {
  const { pipeline, storage, held, aftermath } = options;
  return pipeline.step('tidy', async ({ signal, note }) => {
    const empty = [
      ...options.plan.kept.inventory.emptyDirectories,
      ...plan.kept.inventory.emptyDirectories,
      ...emptied,
    ].filter((key) => !isLeftAlone(plan.isolated, key));
    const logged = logBatches(aftermath.log, 'tidy');
    const watched = { ...logged.hooks, signal, stillSafe, onLeft: tellLeft(options) };
    const done = await tidy(storage, plan, held, empty, watched).finally(logged.close);
    const parts = [
      counted(done.uploads, 'upload'),
      counted(done.repositories, 'repository'),
      counted(done.directories, 'empty directory'),
    ];
    note(`${parts.join(', ')} removed`);
    return done;
  });
}

/** What `renew` cannot undo is no reason to try again: it is told once the registry is back. */
function toldLater(renew: Deed, aftermath: Aftermath): Deed {
  return {
    memo: renew.memo,
    do: (signal) => renew.do(signal),
    async undo() {
      await renew.undo().catch((error: unknown) => {
        if (!(error instanceof CleanupError) || error.code !== 'NOT_FRESH') throw error;
        aftermath.stale = error;
      });
    },
  };
}
