import { availableParallelism } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { makeBreath } from '../../storage/breath.ts';
import type { Near } from '../../storage/near.ts';
import { openNear } from '../../storage/open.ts';
import type { NearStorage } from '../../storage/storage.ts';
import { Findings } from './findings.ts';
import { Hand } from './hand.ts';
import type { Orders } from './messages.ts';
import { perform } from './perform.ts';
import type { Answer, Task } from './task.ts';

export interface CrewOptions {
  readonly thorough: boolean;
  /** How many threads beside this one, from the beginning; undefined: as it pays. */
  readonly threads?: number;
  /** Names in a directory from which on it is shared out. */
  readonly splitAt?: number;
}

/** A thread takes some 60 ms to begin: who needs hardly longer alone does without. ms, and entries that were met. */
const alone = { ms: 80, entries: 1_000 };
const mostThreads = 8;
/** Batches that a thread has at a time: it does one while the answer to another is on its way. */
const ahead = 2;
const largestBatch = 16;

/** Does the tasks of readings: in this thread as long as there is little to do, in others then. */
export class Crew {
  readonly near: Near;
  readonly #orders: Orders;
  readonly #options: CrewOptions;
  #since = performance.now();
  /** To be awaited now and then by whoever is at work in this thread. */
  readonly breath = makeBreath();
  #hands: Hand[] = [];
  #looked = 0;
  #wake: () => void = () => {};

  private constructor(near: Near, where: NearStorage, options: CrewOptions) {
    this.near = near;
    this.#options = options;
    this.#orders = { where, thorough: options.thorough, splitAt: options.splitAt ?? 4_000 };
  }

  static async open(where: NearStorage, options: CrewOptions): Promise<Crew> {
    return new Crew(await openNear(where), where, options);
  }

  /** A reading begins: whether threads pay is asked anew. Those that are there already are used. */
  begin(): void {
    this.#since = performance.now();
    this.#looked = 0;
  }

  /**
   * Does `tasks`, the smallest first, and all that comes of them: threads begin with the largest. `take` gets every
   * answer, in this thread. Throws what a task threw, THREAD_ENDED when a thread ended before its time, and the signal's
   * reason; the threads have ended then.
   */
  async run(tasks: readonly Task[], take: (answer: Answer) => void, signal?: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#wake();
    signal?.addEventListener('abort', onAbort);
    try {
      await this.#do([...tasks], take, signal);
    } catch (error) {
      // They may be at work yet, and nobody wants to hear of it any more.
      await this.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Ends the threads, whatever they do. */
  async close(): Promise<void> {
    const hands = this.#hands;
    this.#hands = [];
    await Promise.all(hands.map((hand) => hand.end()));
  }

  async #do(queue: Task[], take: (answer: Answer) => void, signal: AbortSignal | undefined): Promise<void> {
    const receive = (answer: Answer): void => {
      for (const task of answer.rest) queue.push(task);
      this.#looked += answer.looked;
      take(answer);
    };
    for (;;) {
      signal?.throwIfAborted();
      for (const hand of this.#hands) for (const answer of hand.answers()) receive(answer);
      const ready = this.#hands.filter((hand) => hand.isReady);
      for (const hand of ready) {
        while (queue.length > 0 && hand.outstanding < ahead) hand.send(this.#batch(queue));
      }
      const isBusy = ready.some((hand) => hand.outstanding > 0);
      if (queue.length === 0 && !isBusy) return;
      if (isBusy) await this.#event(signal);
      else await this.#alone(queue, receive, signal);
    }
  }

  /** One task in this thread, while others are not there, or not ready. */
  async #alone(
    queue: Task[],
    receive: (answer: Answer) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    this.#hire();
    if (this.#hands.length > 0 && this.#options.threads !== undefined) return this.#event(signal);
    // What is large is for many threads, which may come yet.
    const task = queue.shift();
    if (task === undefined) return;
    const { thorough, splitAt } = this.#orders;
    const found = new Findings();
    perform({ near: this.near, thorough, splitAt, found }, task);
    receive(found.answer());
    await this.breath();
  }

  /** Has threads begin once it pays. */
  #hire(): void {
    if (this.#hands.length > 0) return;
    const count = this.#options.threads ?? (this.#pays() ? Math.min(availableParallelism(), mostThreads) : 0);
    // A single one would do no more than this thread does.
    if (count === 0 || (count === 1 && this.#options.threads === undefined)) return;
    this.#hands = Array.from({ length: count }, () => new Hand(this.#orders, () => this.#wake()));
  }

  #pays(): boolean {
    return this.#looked >= alone.entries && performance.now() - this.#since >= alone.ms;
  }

  /** Large batches at first, small ones towards the end, so that all are done at about the same time. */
  #batch(queue: Task[]): Task[] {
    const share = Math.ceil(queue.length / (this.#hands.length * ahead * 3));
    return queue.splice(-Math.min(share, largestBatch)).toReversed();
  }

  /** Returns when a thread has said something, or the signal. */
  async #event(signal: AbortSignal | undefined): Promise<void> {
    if (this.#hands.some((hand) => hand.hasNews) || signal?.aborted === true) {
      await turn();
      return;
    }
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
