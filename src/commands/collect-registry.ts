import type { Applied } from '../apply/apply.ts';
import { type Collection, runCollector } from '../apply/collector.ts';
import { nobodyWroteSince, verifyClosed } from '../apply/nobody-wrote.ts';
import { compareRehearsal } from '../apply/rehearse.ts';
import { sweptDirectories } from '../apply/tidy.ts';
import { verifyLive } from '../apply/verify-live.ts';
import { whileClosed } from '../apply/watch.ts';
import { counted } from '../format.ts';
import type { StepContext } from '../pipeline/pipeline.ts';
import { decideDeleteUntagged } from '../plan/delete-untagged.ts';
import { keyOf } from '../registry/layout.ts';
import type { Storage } from '../storage/storage.ts';
import { liveLimits, withLive } from './live.ts';
import { read } from './look.ts';
import { countStayed, measureRemoved } from './measure.ts';
import { logCollection } from './runs/blobs.ts';
import type { Behind, Done, Sweeper, Swept } from './sweeper.ts';

/** The registry's own `garbage-collect`: rehearsed, run, and everything read again before the registry is opened. */
export function collectByRegistry(behind: Behind): Sweeper {
  const { options, fence, closed, plan } = behind;
  const { config, pipeline, draft, emit, storage, runtime, state, held, runId, threads } = options;
  const { since, prove, stayedClosed } = closed;
  const { log } = options.aftermath;

  async function sweep(applied: Applied): Promise<Swept> {
    const flag = decideDeleteUntagged(plan, config.garbageCollect.deleteUntagged);
    // What could not be removed is still there, untagged: the collector must not have it.
    const deleteUntagged = flag.value && applied.left.length === 0;
    const because = flag.value && !deleteUntagged ? 'some references could not be removed' : flag.because;
    draft.collector = {
      name: 'registry',
      deleteUntagged,
      because,
      rehearsed: config.garbageCollect.rehearse,
    };

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
      await nobodyWroteSince(plan, storage, { since, signal: context.signal, threads });
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
    const emptied = sweptDirectories(plan.kept.inventory, collection);
    return { collection, unknown, left: 0, emptied };
  }

  async function verify({ applied, swept, tidied }: Done): Promise<void> {
    const { collection, unknown } = swept;
    await pipeline.step('verify', async (context) => {
      const after = await read(storage, context, { threads });
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
      await stayedClosed();
      context.note(`${counted(manifests, 'manifest')} and all that they need: there`);
    });
  }

  return {
    sweep,
    verify,
    verifyLive: () =>
      pipeline.step('verify-live', ({ signal, note }) =>
        withLive(options, signal, async (client) => {
          const { tags, of } = await verifyLive(plan, { client, reader: storage, ...liveLimits, signal });
          note(client === undefined ? 'over storage alone' : `${tags} of ${counted(of, 'tag')} asked for`);
        }),
      ),
  };
}

async function sizesOf(
  storage: Storage,
  digests: readonly string[],
): Promise<{ blobs: number; bytes: number }> {
  let bytes = 0;
  for (const digest of digests) bytes += (await storage.stat(keyOf.blob(digest)))?.size ?? 0;
  return { blobs: digests.length, bytes };
}
