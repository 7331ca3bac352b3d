import { applyPlan, type Left } from '../apply/apply.ts';
import { type Collection, runCollector } from '../apply/collector.ts';
import { nobodyWroteBefore, nobodyWroteSince, verifyClosed } from '../apply/nobody-wrote.ts';
import { compareRehearsal } from '../apply/rehearse.ts';
import { sweptDirectories, tidy } from '../apply/tidy.ts';
import { verifyLive } from '../apply/verify-live.ts';
import { unlessTakenOver, watch, whileClosed } from '../apply/watch.ts';
import type { Deed } from '../deed.ts';
import { CleanupError } from '../errors.ts';
import { counted } from '../format.ts';
import type { Held } from '../pipeline/lock.ts';
import type { StepContext } from '../pipeline/pipeline.ts';
import { decideDeleteUntagged } from '../plan/delete-untagged.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Plan, Policy } from '../plan/plan.ts';
import { keyOf } from '../registry/layout.ts';
import type { RegistryState, Runtime } from '../runtime/runtime.ts';
import type { Storage } from '../storage/storage.ts';
import { close } from './close.ts';
import { guard, read } from './look.ts';
import type { Maintained, MaintainOptions } from './maintain.ts';
import { countStayed, measureRemoved, referencesRemoved } from './measure.ts';
import type { Aftermath } from './run.ts';
import { logBatches } from './runs/batches.ts';
import { logCollection } from './runs/blobs.ts';
import { openClient } from './session.ts';

interface CleanOptions extends MaintainOptions {
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

/** Tags that are asked for over the API at the end, and how long that may take, ms. */
const liveTags = 500;
const liveForAtMost = 20_000;

/** Everything behind closed doors. What it pushes on the undo stack is undone by the caller, whatever happens. */
export async function clean(options: CleanOptions): Promise<Maintained> {
  const { config, pipeline, draft, emit, storage, runtime, state, held, runId, policy } = options;
  const fence = runtime.fence(state, { standIn: config.readonlyInstance, runId });
  options.aftermath.byHand = fence.byHand;
  options.aftermath.window = () => fence.window();

  const { since, prove } = await close(options, fence);

  const plan = await pipeline.step('recheck', async (context) => {
    const inventory = await read(storage, context, options.plan.kept.inventory);
    nobodyWroteBefore(options.plan.kept.inventory, inventory, since, storage);
    // What was moved before the registry stopped is in the past: by the first look's clock it would be in the future.
    const second = makePlan(inventory, { ...policy, now: await held.now() }, options.plan);
    guard(second, { ...options, reader: storage, apiRepositories: undefined });
    return second;
  });
  draft.plan = plan;
  draft.before = plan.totals.before;
  if (!plan.worthwhile) return { outcome: 'nothing-to-do' };
  options.aftermath.verifyLive = () => proveLive(options, plan);

  const onLeft = ({ key, reason }: Left): void => {
    draft.left.push({ path: storage.locate(key), reason });
  };
  const { log } = options.aftermath;
  const flush = runtime.flush(state, { runId });
  const applied = await pipeline.step('apply', async ({ signal, progress, note }) => {
    await prove(signal);
    const renew = runtime.renew(state, { runId });
    if (renew !== undefined)
      await pipeline.deed('apply', unlessTakenOver(toldLater(renew, options.aftermath), held), {
        quiet: true,
      });
    // A cached link or manifest goes stale here already, not only when the collector takes the blob.
    if (flush !== undefined) await pipeline.deed('apply', unlessTakenOver(flush, held));
    const logged = logBatches(log, 'apply');
    const done = await applyPlan(storage, plan, held, {
      ...logged.hooks,
      signal,
      stillSafe: watch(fence),
      onLeft,
      onRemoved: (removed) => {
        draft.removed = referencesRemoved(removed);
      },
      onProgress: (count, total) => progress({ done: count, total }),
    }).finally(logged.close);
    const { revision, 'layer-link': links } = done.removed;
    note(`${counted(revision, 'manifest')} and ${counted(links, 'layer link')} removed`);
    return done;
  });
  const flag = decideDeleteUntagged(plan, config.garbageCollect.deleteUntagged);
  // What could not be removed is still there, untagged: the collector must not have it.
  const deleteUntagged = flag.value && applied.left.length === 0;
  const because = flag.value && !deleteUntagged ? 'some references could not be removed' : flag.because;
  draft.collector = { name: 'registry', deleteUntagged, because, rehearsed: config.garbageCollect.rehearse };

  const collect = (context: StepContext, dryRun: boolean, expected?: number): Promise<Collection> =>
    runCollector({
      inventory: plan.kept.inventory,
      start: (onLine) => runtime.collect(state, { dryRun, deleteUntagged, onLine, runId }),
      run: (deed) => pipeline.deed(dryRun ? 'rehearse' : 'collect', whileClosed(deed, fence, held)),
      remember: dryRun,
      onOutput: context.output,
      onProgress: (marked, swept) =>
        context.progress(
          swept === 0
            ? { done: marked, text: 'manifests marked' }
            : { done: swept, total: expected, text: 'blobs' },
        ),
    });
  let rehearsal: Collection | undefined;
  if (config.garbageCollect.rehearse) {
    rehearsal = await pipeline.step('rehearse', async (context) => {
      const collection = await collect(context, true);
      compareRehearsal(plan, collection);
      context.note(`it would sweep ${counted(collection.blobs, 'blob')}, none of which must stay`);
      return collection;
    });
  } else {
    pipeline.skip('rehearse', 'garbageCollect.rehearse is false');
  }
  const unknown = await sizesOf(storage, rehearsal?.unknown ?? []);

  const collection = await pipeline.step('collect', async (context) => {
    await nobodyWroteSince(plan, storage, { since, signal: context.signal });
    const onCollected = await logCollection(log, plan, rehearsal);
    await prove(context.signal);
    const done = await collect(context, false, rehearsal?.blobs).catch((error: unknown) => {
      emit({
        type: 'warning',
        text: 'the collector was ended early: blobs that it removed by then are not counted',
      });
      throw error;
    });
    await onCollected(done);
    context.note(`${counted(done.blobs, 'blob')} swept`);
    return done;
  });

  const tidied = await pipeline.step('tidy', async ({ signal, note }) => {
    const empty = [
      ...options.plan.kept.inventory.emptyDirectories,
      ...plan.kept.inventory.emptyDirectories,
      ...sweptDirectories(plan.kept.inventory, collection),
    ];
    const logged = logBatches(log, 'tidy');
    const watched = { ...logged.hooks, signal, stillSafe: watch(fence), onLeft };
    const done = await tidy(storage, plan, held, empty, watched).finally(logged.close);
    const parts = [
      counted(done.uploads, 'upload'),
      counted(done.repositories, 'repository'),
      counted(done.directories, 'empty directory'),
    ];
    note(`${parts.join(', ')} removed`);
    return done;
  });
  await pipeline.step('verify', async (context) => {
    const after = await read(storage, context);
    draft.after = after.counts;
    draft.before = {
      ...plan.totals.before,
      blobs: plan.totals.before.blobs + unknown.blobs,
      bytes: plan.totals.before.bytes + unknown.bytes,
    };
    draft.removed = measureRemoved({ plan, applied, tidied, after, unknown });
    const stayed = countStayed(plan, collection, after);
    if (stayed > 0) {
      const text = `${counted(stayed, 'blob')} that the collector announced to remove: still there`;
      emit({ type: 'warning', text });
    }
    const onLate = (text: string): void => emit({ type: 'warning', text });
    const { manifests } = verifyClosed(plan, after, storage, { since, onLate });
    context.note(`${counted(manifests, 'manifest')} and all that they need: there`);
  });

  return {
    outcome: applied.left.length + tidied.left.length > 0 ? 'partial' : 'ok',
    verifyLive: () => proveLive(options, plan),
  };
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

async function proveLive(options: CleanOptions, plan: Plan): Promise<void> {
  const { config, pipeline, storage, state, hasAuth } = options;
  await pipeline.step('verify-live', async ({ signal, note }) => {
    const asks = state.live === 'running' && (state.auth === 'none' || hasAuth);
    const client = asks ? openClient(config, await options.runtime.reachLive(state), signal) : undefined;
    try {
      const limits = { limit: liveTags, forAtMost: liveForAtMost, signal };
      const { tags, of } = await verifyLive(plan, { client, reader: storage, ...limits });
      note(client === undefined ? 'over storage alone' : `${tags} of ${counted(of, 'tag')} asked for`);
    } finally {
      await client?.close();
    }
  });
}

async function sizesOf(
  storage: Storage,
  digests: readonly string[],
): Promise<{ blobs: number; bytes: number }> {
  let bytes = 0;
  for (const digest of digests) bytes += (await storage.stat(keyOf.blob(digest)))?.size ?? 0;
  return { blobs: digests.length, bytes };
}
