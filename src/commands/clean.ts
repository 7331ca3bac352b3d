import { applyPlan } from '../apply/apply.ts';
import { type Collection, runCollector } from '../apply/collector.ts';
import { drain } from '../apply/drain.ts';
import { proveReadOnly, proveSilence } from '../apply/prove.ts';
import { compareRehearsal } from '../apply/rehearse.ts';
import { sweptDirectories, tidy } from '../apply/tidy.ts';
import { verifyStorage } from '../apply/verify.ts';
import { verifyLive } from '../apply/verify-live.ts';
import { assertClosed, unlessTakenOver, watch, whileClosed } from '../apply/watch.ts';
import { counted } from '../format.ts';
import type { Held } from '../pipeline/lock.ts';
import type { StepContext } from '../pipeline/pipeline.ts';
import { decideDeleteUntagged } from '../plan/delete-untagged.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Plan, Policy } from '../plan/plan.ts';
import { type Client, createClient } from '../registry/client.ts';
import { keyOf } from '../registry/layout.ts';
import type { Fence, Reach, RegistryState, Runtime } from '../runtime/runtime.ts';
import type { Storage } from '../storage/storage.ts';
import { guard, read } from './look.ts';
import { type Maintained, type MaintainOptions, withClient } from './maintain.ts';
import { countStayed, measureRemoved, referencesRemoved } from './measure.ts';
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

/** A registry says within milliseconds that it is there; where a container was, nobody even refuses to answer. */
const silenceMs = 10_000;

/** Everything behind closed doors. What it pushes on the undo stack is undone by the caller, whatever happens. */
export async function clean(options: CleanOptions): Promise<Maintained> {
  const { config, pipeline, draft, emit, storage, runtime, state, held, runId, policy } = options;
  const fence = runtime.fence(state, { standIn: config.readonlyInstance, runId });
  options.aftermath.byHand = fence.byHand;
  options.aftermath.window = () => fence.window();

  await close(options, fence);

  const plan = await pipeline.step('recheck', async (context) => {
    const inventory = await read(storage, context, options.plan.kept.inventory);
    // What was moved before the registry stopped is in the past: by the first look's clock it would be in the future.
    const second = makePlan(inventory, { ...policy, now: await held.now() }, options.plan);
    guard(second, { ...options, reader: storage, apiRepositories: undefined });
    return second;
  });
  draft.plan = plan;
  draft.before = plan.totals.before;
  if (!plan.worthwhile) return { outcome: 'nothing-to-do' };

  const flush = runtime.flush(state, { runId });
  const applied = await pipeline.step('apply', async ({ signal, progress, note }) => {
    // A cached link or manifest goes stale here already, not only when the collector takes the blob.
    if (flush !== undefined) await pipeline.deed('apply', flush);
    const done = await applyPlan(storage, plan, held, {
      signal,
      stillSafe: watch(fence),
      onRemoved: (removed) => {
        draft.removed = referencesRemoved(removed);
      },
      onProgress: (count, total) => progress({ done: count, total }),
    });
    const { revision, 'layer-link': links } = done.removed;
    note(`${counted(revision, 'manifest')} and ${counted(links, 'layer link')} removed`);
    return done;
  });
  for (const { key, reason } of applied.left)
    emit({ type: 'warning', text: `${storage.locate(key)}: ${reason}` });

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
    await assertClosed(fence);
    await held.check();
    const done = await collect(context, false, rehearsal?.blobs).catch((error: unknown) => {
      emit({
        type: 'warning',
        text: 'the collector was ended early: blobs that it removed by then are not counted',
      });
      throw error;
    });
    context.note(`${counted(done.blobs, 'blob')} swept`);
    return done;
  });

  const tidied = await pipeline.step('tidy', async ({ signal, note }) => {
    const empty = [
      ...options.plan.kept.inventory.emptyDirectories,
      ...plan.kept.inventory.emptyDirectories,
      ...sweptDirectories(plan.kept.inventory, collection),
    ];
    const done = await tidy(storage, plan, held, empty, { signal, stillSafe: watch(fence) });
    const parts = [
      counted(done.uploads, 'upload'),
      counted(done.repositories, 'repository'),
      counted(done.directories, 'empty directory'),
    ];
    note(`${parts.join(', ')} removed`);
    return done;
  });
  for (const { key, reason } of tidied.left)
    emit({ type: 'warning', text: `${storage.locate(key)}: ${reason}` });

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
    const { manifests } = verifyStorage(plan, after, (key) => storage.locate(key));
    context.note(`${counted(manifests, 'manifest')} and all that they need: there`);
  });

  return {
    outcome: applied.left.length + tidied.left.length > 0 ? 'partial' : 'ok',
    verifyLive: () => proveLive(options, plan),
  };
}

/** Drains, stops, serves read-only and proves that nobody can write any more. */
async function close(options: CleanOptions, fence: Fence): Promise<void> {
  const { config, pipeline, storage, state, held } = options;
  const live = await options.runtime.reachLive(state);
  const ask = (reach: Reach, signal: AbortSignal, work: (client: Client) => Promise<void>): Promise<void> =>
    withClient(openClient(config, reach, signal), work);

  function expectSilence(signal: AbortSignal): Promise<void> {
    const { tls } = config.registry;
    return withClient(createClient({ ...live, tls, timeoutMs: silenceMs, signal }), proveSilence);
  }

  async function stop(): Promise<void> {
    if (state.live === 'running') {
      await pipeline.step('stop', () => pipeline.deed('stop', unlessTakenOver(fence.stop, held)));
    } else {
      pipeline.skip('stop', 'the registry is not running');
    }
  }

  async function serve(): Promise<void> {
    const standIn = fence.readonly;
    if (standIn === undefined) {
      pipeline.skip('readonly', 'no stand-in is wanted: pulls fail meanwhile');
      return;
    }
    await pipeline.step('readonly', async ({ signal }) => {
      if (!fence.direct) await expectSilence(signal);
      await pipeline.deed('readonly', standIn);
    });
  }

  if (state.live === 'running') {
    await pipeline.step('drain', async ({ signal, note }) => {
      const { timeout, quiet } = config.registry.drain;
      note(await drain(storage, { signal, timeoutMs: timeout.ms, quietMs: quiet.ms }));
    });
  } else {
    pipeline.skip('drain', 'the registry is not running');
  }
  if (fence.prepare !== undefined) await pipeline.deed('readonly', fence.prepare, { quiet: true });
  for (const hand of fence.overlaps ? [serve, stop] : [stop, serve]) await hand();
  await pipeline.step('prove', async ({ signal }) => {
    await assertClosed(fence);
    if (fence.readonly === undefined) await expectSilence(signal);
    else await ask(await fence.reachStandIn(), signal, (client) => proveReadOnly(client, storage, held));
  });
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
