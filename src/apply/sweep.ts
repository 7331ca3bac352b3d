import type { Held } from '../pipeline/lock.ts';
import type { Plan, Removal } from '../plan/plan.ts';
import { parentOf } from '../storage/key.ts';
import type { Storage } from '../storage/storage.ts';
import { type Applied, type ApplyOptions, type Going, type Left, stillMay } from './apply.ts';
import type { Collection } from './collector.ts';
import { removeInBatches } from './in-batches.ts';
import { leftBehind } from './left-behind.ts';

/** What the native collector did, measured by what the storage answered. `blobs`: removed by it, not absent before. */
export interface Sweep extends Collection {
  /** Bytes of these blobs. */
  readonly bytes: number;
  /** What could not be removed, or stays for what still leads to it, each with its reason. */
  readonly left: readonly Left[];
}

export interface SweepOptions extends ApplyOptions {
  /** Told after every batch what has gone so far: true also when what comes after it throws. */
  readonly onSwept?: (swept: Pick<Sweep, 'blobs' | 'bytes'>) => void;
}

/**
 * The native collector: removes the blobs of `plan`, and no others. The references to them are gone by then; what a
 * reference that could not be removed (`applied.left`) still leads to stays. A blob's directory goes with it, and the
 * files that a registry left in there, as with the registry's own collector; anything else in it stays, and is told.
 * Stops before the next removal, and throws, when interrupted, when the lock is lost or the fence is broken.
 */
export async function sweep(
  storage: Storage,
  plan: Plan,
  applied: Pick<Applied, 'left'>,
  held: Held,
  options: SweepOptions,
): Promise<Sweep> {
  const { inventory, marked } = plan.kept;
  const needed = leftBehind(inventory, applied.left);
  const sweeps = new Uint8Array(inventory.digestCount);
  const left: Left[] = [];
  const occupied: string[] = [];
  let blobs = 0;
  let bytes = 0;
  function leave(one: Left): void {
    left.push(one);
    options.onLeft?.(one);
  }
  const idOf = ({ digest = '' }: Removal): number => inventory.find(digest);
  function reasonToStay(removal: Removal): string | undefined {
    const id = idOf(removal);
    // A plan never says so. A blob is not there twice, so whoever removes it looks once more.
    if (marked[id] === 1) return 'left: a manifest that stays needs it';
    return needed[id] === 1 ? 'left, since a reference to it could not be removed' : undefined;
  }
  const count = plan.remove.count('blob');
  const before = stillMay(held, options);
  await removeInBatches({
    storage,
    held,
    options,
    before,
    removals: plan.remove.of('blob'),
    count,
    goes(removal) {
      const reason = reasonToStay(removal);
      if (reason !== undefined) leave({ key: removal.key, reason });
      return reason === undefined;
    },
    onAnswer({ key, outcome, reason }, removal) {
      if (outcome === 'failed') leave({ key, reason: reason ?? 'unknown' });
      else if (removal !== undefined) sweeps[idOf(removal)] = 1;
      if (outcome !== 'removed' || removal === undefined) return;
      blobs++;
      bytes += removal.bytes;
    },
    onOccupied: (directory) => occupied.push(directory),
    onBatch(done) {
      options.onSwept?.({ blobs, bytes });
      options.onProgress?.(done, count);
    },
  });
  await clear(storage, occupied, { held, options, before, leave });
  return { sweeps, unknown: [], blobs, bytes, left, marked: new Set(), manifests: new Set() };
}

interface Clearing {
  readonly held: Held;
  readonly options: ApplyOptions;
  readonly before: () => Promise<void>;
  readonly leave: (left: Left) => void;
}

/** Removes what lies in directories whose blob is gone, as far as it is files, and them. */
async function clear(
  storage: Storage,
  directories: readonly string[],
  { held, options, before, leave }: Clearing,
): Promise<void> {
  if (directories.length === 0) return;
  await options.onRemoving?.(directories.map(asGoing));
  for (const key of directories) {
    options.signal.throwIfAborted();
    await held.check();
    await options.stillSafe?.();
    const files: string[] = [];
    let reason: string | undefined;
    const stays = (path: string, why: string): void => {
      leave({ key: path, reason: why });
      reason ??= why;
    };
    for await (const page of storage.list(key)) {
      for (const entry of page) {
        const isIn = parentOf(entry.key) === key;
        if (entry.key === `${key}data`) stays(entry.key, 'left: the blob has come back');
        else if (isIn && entry.type === 'file') files.push(entry.key);
        else stays(entry.key, 'left: no registry puts it beside a blob');
      }
    }
    await storage.remove(files, before, (answer) => {
      if (answer.outcome === 'failed') stays(answer.key, answer.reason ?? 'unknown');
    });
    options.onAnswered?.({ key, outcome: reason === undefined ? 'removed' : 'failed', reason });
  }
}

function asGoing(key: string): Going {
  return { kind: 'directory', key, because: 'its blob is gone, and what lies beside it was left over' };
}
