import type { Applied } from '../apply/apply.ts';
import { nobodyWroteSince, verifyClosed, verifyOpened } from '../apply/nobody-wrote.ts';
import { isMany } from '../apply/remover.ts';
import { sweep } from '../apply/sweep.ts';
import { verifyTags } from '../apply/verify-live.ts';
import type { Config } from '../config/schema.ts';
import { CleanupError } from '../errors.ts';
import { counted } from '../format.ts';
import type { StepContext } from '../pipeline/pipeline.ts';
import type { ReportDocument } from '../report/document.ts';
import { liveLimits, withLive } from './live.ts';
import { read } from './look.ts';
import { measureRemoved, referencesRemoved } from './measure.ts';
import { logBatches } from './runs/batches.ts';
import { type Behind, type Done, type Sweeper, type Swept, tellLeft } from './sweeper.ts';

/** What a report says of the native collector. */
export function nativeCollector({
  collector,
  damage,
}: Pick<Config, 'collector' | 'damage'>): NonNullable<ReportDocument['collector']> {
  const because =
    collector === 'native'
      ? 'the configuration says collector: native'
      : `damaged repositories are left alone (damage: ${damage}), which the registry's own collector cannot`;
  return { name: 'native', deleteUntagged: false, because, rehearsed: false };
}

/**
 * The native collector: this program removes the blobs of its plan and no others. Nothing is rehearsed, since nobody else
 * decides; behind the fence only references are looked at again: before blobs go those of the repositories that were
 * cleaned, and in others whether any has come or gone; and after that those of the repositories that were cleaned.
 * Everything is verified and measured once the registry is back, so that it is closed for no longer than what changes
 * takes.
 */
export function collectNatively(behind: Behind): Sweeper {
  const { options, closed, plan, removers } = behind;
  const { config, pipeline, draft, emit, storage, held, threads } = options;
  const { since, prove, stillSafe, stayedClosed } = closed;
  const unknown = { blobs: 0, bytes: 0 };
  const onLate = (text: string): void => emit({ type: 'warning', text });
  /** The storage's clock right before the registry was opened again. */
  let until: number | undefined;

  async function sweepBlobs(applied: Applied): Promise<Swept> {
    draft.collector = nativeCollector(config);
    pipeline.skip('rehearse', 'the blobs of the plan are removed, and no others');
    return pipeline.step('collect', async ({ signal, progress, note }) => {
      // A manifest that needs what goes has come with a revision; and what we removed was in `closely` alone.
      const closely = plan.remove.repositories;
      await nobodyWroteSince(plan, storage, { since, closely, signal, thorough: false, threads });
      if (isMany(plan.remove.count('blob'))) await threads.close();
      await prove(signal);
      const logged = logBatches(options.aftermath.log, 'collect');
      const collection = await sweep(storage, plan, applied, held, {
        ...logged.hooks,
        signal,
        removers,
        stillSafe,
        onLeft: tellLeft(options),
        onSwept: ({ blobs, bytes }) => {
          draft.removed = { ...referencesRemoved(applied.removed), blobs, bytes };
        },
        onProgress: (done, total) => progress({ done, total, text: 'blobs' }),
      }).finally(logged.close);
      note(`${counted(collection.blobs, 'blob')} swept`);
      // Its directories are removed with a blob.
      return { collection, unknown, left: collection.left.length, emptied: [] };
    });
  }

  /**
   * Tags, revisions and uploads of the repositories that were cleaned are as they were left. Where they are not,
   * everything is looked at before that is told.
   */
  async function verify(): Promise<void> {
    await pipeline.step('verify', async (context) => {
      const { signal } = context;
      const only = plan.remove.repositories;
      try {
        await stayedClosed();
        await nobodyWroteSince(plan, storage, { since, only, signal, thorough: false, threads });
        until = await held.now();
        context.note(`${counted(only.size, 'repository')} cleaned: tags and all that stays linked as before`);
      } catch (error) {
        if (isFound(error)) await lookAtAll(context);
        throw error;
      }
    });
  }

  /** Throws VERIFY_FAILED, FENCE_FAILED with all that is lost, and all that was written. */
  async function lookAtAll(context: StepContext): Promise<void> {
    const after = await read(storage, context, { thorough: false, threads });
    draft.after = after.counts;
    verifyClosed(plan, after, storage, { since, onLate });
  }

  /** Everything is read once more: what stays is compared, and what went is counted. */
  async function verifyLive(done: Done | undefined): Promise<void> {
    await pipeline.step('verify-live', async (context) => {
      const { signal, note } = context;
      const known = plan.kept.inventory;
      const after = await read(storage, context, { known, afresh: true, thorough: false, threads });
      draft.after = after.counts;
      if (done !== undefined) draft.removed = measureRemoved({ plan, ...done, after, unknown });
      const { manifests } = verifyOpened(plan, after, storage, { since, until, onLate });
      const whole = `${counted(manifests, 'manifest')} and all that they need: there`;
      await withLive(options, signal, async (client) => {
        const { tags, of } = await verifyTags(plan, { client, reader: storage, ...liveLimits, signal });
        note(client === undefined ? whole : `${whole}; ${tags} of ${counted(of, 'tag')} asked for`);
      });
    });
  }

  return { sweep: sweepBlobs, verify, verifyLive };
}

/** Something is gone, or somebody wrote: more may be. */
function isFound(error: unknown): boolean {
  return error instanceof CleanupError && (error.code === 'VERIFY_FAILED' || error.code === 'FENCE_FAILED');
}
