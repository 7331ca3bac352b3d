import { type KeptPermit, keepPermit, type PermitOptions } from '../pipeline/permit.ts';
import { permitMemory } from '../storage/permit.ts';
import type { ParallelRemoval, Removed, Storage } from '../storage/storage.ts';

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
}

const oneByOne = 500;
/** So large that the record of a batch, which is flushed to the disk, keeps no thread waiting; what is in it is in memory. */
const together = 2_000;

/**
 * Whether removing so many files takes a second or more. Then those who read and those who remove are not kept beside each
 * other: that they begin again takes no time beside it, and each holds memory.
 */
export function isMany(files: number): boolean {
  return files >= 20_000;
}

/** Leave for threads, and what is asked before every single removal of those that go one by one. */
export interface RemoverOptions extends PermitOptions {
  readonly before: () => Promise<void>;
}

/** Who removes for one run: threads begin once, however often a little is removed. */
export class Removers implements AsyncDisposable {
  readonly #storage: Storage;
  #memory = permitMemory();
  #permit: KeptPermit | undefined;
  #threads: ParallelRemoval | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Has threads begin where so many files are to be removed at a time: they are there by then, and without leave so far. */
  begin(files: number): void {
    const { parallel } = this.#storage;
    if (parallel === undefined || files < parallel.from || this.#threads !== undefined) return;
    this.#memory = permitMemory();
    this.#threads = parallel.open({ memory: this.#memory, check: () => this.#permit?.check() });
  }

  /**
   * For some `files`. Threads get leave by the options of the first one that is opened, and have it until all are closed.
   * Throws what `held` and `stillSafe` do.
   */
  async open(files: number, { before, ...options }: RemoverOptions): Promise<Remover> {
    const storage = this.#storage;
    this.begin(files);
    const threads = this.#threads;
    // Few files are not worth threads, but threads that are there anyway are faster with few files, too.
    if (threads === undefined) {
      return {
        batchSize: oneByOne,
        overlaps: false,
        async remove(keys, tell, occupied) {
          await storage.remove(keys, before, tell, occupied);
        },
      };
    }
    this.#permit ??= await keepPermit(options, this.#memory);
    return {
      batchSize: together,
      overlaps: true,
      remove: (keys, tell, occupied) => threads.remove(keys, tell, occupied),
    };
  }

  /** Returns when no thread removes anything any more. Batches under way end early, and throw. */
  async close(): Promise<void> {
    await this.#permit?.close();
    await this.#threads?.close();
    this.#permit = undefined;
    this.#threads = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
