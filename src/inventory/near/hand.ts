import type { Worker } from 'node:worker_threads';
import { problem, reasonOf } from '../../errors.ts';
import { startThread } from '../../thread.ts';
import { buffersOfTasks } from './findings.ts';
import { type Batch, errorOf, type Message, type Orders } from './messages.ts';
import type { Answer } from './task.ts';

/** MiB. */
const youngGeneration = 6;

/** A thread that does tasks. */
export class Hand {
  readonly #worker: Worker;
  readonly #onNews: () => void;
  #news: Message[] = [];
  #error: unknown;
  #ready = false;
  #ended = false;
  /** Batches that it was sent and has not answered. */
  outstanding = 0;

  /** `onNews` is called whenever it has said something, or has ended. */
  constructor(orders: Orders, onNews: () => void) {
    this.#onNews = onNews;
    this.#worker = startThread(new URL('./thread.ts', import.meta.url), orders, youngGeneration);
    this.#worker.on('message', (message: Message) => this.#hear(message));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => {
      if (!this.#ended) this.#fail(new Error(`it ended with the code ${code}`));
    });
  }

  /** Whether it takes tasks by now. */
  get isReady(): boolean {
    return this.#ready;
  }

  get hasNews(): boolean {
    return this.#news.length > 0 || this.#error !== undefined;
  }

  send(batch: Batch): void {
    this.outstanding++;
    this.#worker.postMessage(batch, buffersOfTasks(batch));
  }

  /** What has come since it was asked last. Throws what a task threw, and THREAD_ENDED. */
  answers(): readonly Answer[] {
    if (this.#error !== undefined) throw this.#error;
    const news = this.#news;
    this.#news = [];
    return news.flatMap((message) => {
      if (message.kind === 'failed') throw errorOf(message.failure);
      return message.kind === 'answer' ? [message.answer] : [];
    });
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }

  #hear(message: Message): void {
    if (message.kind === 'ready') this.#ready = true;
    else this.outstanding--;
    this.#news.push(message);
    this.#onNews();
  }

  #fail(error: unknown): void {
    this.#error ??= problem('THREAD_ENDED', { deed: 'read the storage', reason: reasonOf(error) }, error);
    this.#onNews();
  }
}
