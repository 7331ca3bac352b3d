import type { Held } from '../pipeline/lock.ts';
import type { Removal } from '../plan/plan.ts';
import type { Removed, Storage } from '../storage/storage.ts';
import type { ApplyOptions } from './apply.ts';
import { isMany, type Remover, Removers } from './remover.ts';

/** What is removed, and who hears of it. */
export interface Work {
  readonly storage: Storage;
  readonly held: Held;
  readonly options: ApplyOptions;
  /** Asked before every single removal. */
  readonly before: () => Promise<void>;
  /** Read as it is needed. */
  readonly removals: Iterable<Removal>;
  /** How many there are. */
  readonly count: number;
  /** Asked of each when its batch is put together; what it says no to stays. */
  readonly goes: (removal: Removal) => boolean;
  /** `removal` undefined: a directory that could not be pruned though nothing is in it. */
  readonly onAnswer: (answer: Removed, removal: Removal | undefined) => void;
  readonly onOccupied?: (directory: string) => void;
  /** Told after every batch, also one that throws, how many have had their turn. */
  readonly onBatch?: (done: number) => void;
}

/**
 * Removes batch after batch, each of which is on record before any of it goes. Where threads remove, the next batch is
 * put on record while they are at one. Throws what `held`, `stillSafe` and `signal` do; then nothing is removed any more.
 */
export async function removeInBatches(work: Work): Promise<void> {
  const { storage, held, options, before, count } = work;
  const { signal, stillSafe } = options;
  const removers = options.removers ?? new Removers(storage);
  let underWay: Promise<void> = Promise.resolve();
  try {
    const remover = await removers.open(count, { held, signal, stillSafe, before });
    let done = 0;
    for (const batch of slices(work.removals, remover.batchSize)) {
      signal.throwIfAborted();
      await held.check();
      await stillSafe?.();
      const going = batch.filter(work.goes);
      await options.onRemoving?.(going);
      done += batch.length;
      const removing = removeBatch(work, remover, going, done);
      // Whatever it throws is thrown where it is waited for.
      removing.catch(() => {});
      const earlier = remover.overlaps ? underWay : removing;
      underWay = removing;
      await earlier;
    }
    await underWay;
    if (options.removers === undefined || isMany(count)) await removers.close();
  } catch (error) {
    await removers.close();
    await underWay.catch(() => {});
    throw error;
  }
}

async function removeBatch(
  { options, onAnswer, onOccupied, onBatch }: Work,
  remover: Remover,
  going: readonly Removal[],
  done: number,
): Promise<void> {
  const byKey = new Map(going.map((removal) => [removal.key, removal]));
  const answered = (answer: Removed): void => {
    options.onAnswered?.(answer);
    onAnswer(answer, byKey.get(answer.key));
  };
  try {
    await remover.remove([...byKey.keys()], answered, onOccupied ?? (() => {}));
  } finally {
    onBatch?.(done);
  }
}

function* slices(removals: Iterable<Removal>, size: number): Generator<Removal[]> {
  let slice: Removal[] = [];
  for (const removal of removals) {
    if (slice.push(removal) < size) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}
