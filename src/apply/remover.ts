import { keepPermit, type PermitOptions } from '../pipeline/permit.ts';
import type { Removed, Storage } from '../storage/storage.ts';

/** Removes batches of files, one by one or with several threads, whichever is faster for so many. */
export interface Remover {
  /** Files that are put on record, and handed over, together. */
  readonly batchSize: number;
  /** Whether a batch may be handed over while another one is under way. */
  readonly overlaps: boolean;
  remove(
    keys: readonly string[],
    tell: (answer: Removed) => void,
    occupied: (directory: string) => void,
  ): Promise<void>;
  /** Returns when nothing is removed any more. Batches under way end early, and throw. */
  close(): Promise<void>;
}

const oneByOne = 500;
/** So large that the record of a batch, which is flushed to the disk, keeps no thread waiting; what is in it is in memory. */
const together = 2_000;

export interface RemoverOptions extends PermitOptions {
  /** Asked before every single removal, of those that go one by one. */
  readonly before: () => Promise<void>;
}

/** For some `expected` files. Throws what `held` and `stillSafe` do. */
export async function openRemover(
  storage: Storage,
  expected: number,
  { before, ...options }: RemoverOptions,
): Promise<Remover> {
  const { parallel } = storage;
  if (parallel === undefined || expected < parallel.from) {
    return {
      batchSize: oneByOne,
      overlaps: false,
      async remove(keys, tell, occupied) {
        await storage.remove(keys, before, tell, occupied);
      },
      async close() {},
    };
  }
  const permit = await keepPermit(options);
  const threads = parallel.open(permit);
  return {
    batchSize: together,
    overlaps: true,
    remove: (keys, tell, occupied) => threads.remove(keys, tell, occupied),
    async close() {
      await permit.close();
      await threads.close();
    },
  };
}
