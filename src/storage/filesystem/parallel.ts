import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { problem, reasonOf } from '../../errors.ts';
import { startThread } from '../../thread.ts';
import { isRevoked, revoke } from '../permit.ts';
import type { ParallelRemoval, Permit, Removed } from '../storage.ts';
import { type Done, outcomes, type Task, type ThreadData, trying } from './removal-task.ts';
import type { Root } from './root.ts';
import { type Share, shares } from './shares.ts';

/** Fewer files are gone before threads have started. */
export const worthThreads = 2_000;
const threadsAtMost = 8;
/** Tasks that a thread has been given and not finished: while one is told of, it is at the next. */
const aheadAtMost = 2;

/** MiB. */
const youngGeneration = 4;

/** Threads that remove below `root`, as `Storage.parallel` promises it. */
export function openParallel(root: Root, permit: Permit): ParallelRemoval {
  return new Threads(root, permit);
}

interface Job extends Share {
  readonly task: Task;
  /** Undefined: nobody began it, or nobody can say any more how far it came. */
  readonly end: (done: Done | undefined) => void;
}

interface Thread {
  readonly worker: Worker;
  /** What it has been given, and not answered. */
  readonly jobs: Map<number, Job>;
  group: string | undefined;
}

class Threads implements ParallelRemoval {
  readonly #root: Root;
  readonly #permit: Permit;
  readonly #threads: readonly Thread[];
  readonly #waiting: Job[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #ids = 0;
  #died: Error | undefined;
  #closed = false;

  constructor(root: Root, permit: Permit) {
    this.#root = root;
    this.#permit = permit;
    const count = Math.min(Math.max(availableParallelism(), 2), threadsAtMost);
    this.#threads = Array.from({ length: count }, () => this.#start());
  }

  async remove(
    keys: Iterable<string>,
    tell: (answer: Removed) => void,
    occupied: (directory: string) => void = () => {},
  ): Promise<void> {
    this.#root.assertSame('remove from');
    const all = shares(keys);
    const answers = new SharedArrayBuffer(all.reduce((sum, share) => sum + share.keys.length, 0));
    let from = 0;
    const ends: Promise<void>[] = [];
    for (const share of all) {
      const task: Task = { id: this.#ids++, keys: share.keys, answers, from };
      from += share.keys.length;
      const done = new Promise<Done | undefined>((end) => this.#waiting.push({ ...share, task, end }));
      ends.push(done.then((how) => this.#tell(task, how, tell, occupied)));
    }
    const whole = Promise.allSettled(ends).then(() => {});
    this.#underWay.add(whole);
    this.#feed();
    await whole;
    this.#underWay.delete(whole);
    await Promise.all(ends);
    if (!new Uint8Array(answers).some((answer) => answer === 0 || answer === trying)) return;
    if (this.#died !== undefined) throw this.#died;
    this.#permit.check();
    throw new Error('leave was taken back, and nobody says why');
  }

  async close(): Promise<void> {
    revoke(this.#permit.memory);
    this.#feed();
    // Each is at one removal at most, and says then what it did.
    await Promise.all(this.#underWay);
    this.#closed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #start(): Thread {
    const workerData: ThreadData = { root: this.#root.path, permit: this.#permit.memory };
    const worker = startThread(new URL('./removal-thread.ts', import.meta.url), workerData, youngGeneration);
    const thread: Thread = { worker, jobs: new Map(), group: undefined };
    worker.on('message', (done: Done) => {
      const job = thread.jobs.get(done.id);
      thread.jobs.delete(done.id);
      job?.end(done);
      this.#feed();
    });
    worker.on('error', (error) => this.#lose(thread, reasonOf(error)));
    worker.on('exit', (code) => this.#lose(thread, `it exited with ${code}`));
    return thread;
  }

  /** Gives threads what there is to do; nobody gets anything any more without leave. */
  #feed(): void {
    if (isRevoked(this.#permit.memory)) {
      for (const job of this.#waiting.splice(0)) job.end(undefined);
      return;
    }
    for (const thread of this.#threads) {
      while (thread.jobs.size < aheadAtMost) {
        const [job] = this.#waiting.splice(this.#best(thread), 1);
        if (job === undefined) return;
        thread.group = job.group;
        thread.jobs.set(job.task.id, job);
        thread.worker.postMessage(job.task);
      }
    }
  }

  /** Where what `thread` should do next waits: in the directory that it is at, or else in one where no other is. */
  #best(thread: Thread): number {
    const taken = new Set(this.#threads.filter(({ jobs }) => jobs.size > 0).map(({ group }) => group));
    const same = this.#waiting.findIndex(({ group }) => group !== undefined && group === thread.group);
    if (same !== -1) return same;
    return Math.max(
      this.#waiting.findIndex(({ group }) => group === undefined || !taken.has(group)),
      0,
    );
  }

  #lose(thread: Thread, reason: string): void {
    if (this.#closed) return;
    this.#died ??= problem('THREAD_ENDED', { deed: 'remove files', reason });
    // The others must not go on with what nobody asks them about any more.
    revoke(this.#permit.memory);
    for (const job of thread.jobs.values()) job.end(undefined);
    thread.jobs.clear();
    this.#feed();
  }

  /** Tells what came of a task as far as it was carried out, by a thread that died, too. */
  #tell(
    { keys, answers, from }: Task,
    done: Done | undefined,
    tell: (answer: Removed) => void,
    occupied: (directory: string) => void,
  ): void {
    const reasons = new Map(done?.reasons);
    const told = new Uint8Array(answers, from, keys.length);
    for (const [place, key] of keys.entries()) {
      const answer = told[place] ?? 0;
      const outcome = outcomes[answer - 1];
      if (outcome === 'failed') tell({ key, outcome, reason: reasons.get(place) ?? 'its thread ended' });
      else if (outcome !== undefined) tell({ key, outcome });
      // It died at this one, before or after it was gone.
      else if (answer === trying && this.#root.lstat(key, 'remove') === undefined)
        tell({ key, outcome: 'removed' });
    }
    for (const one of done?.besides ?? []) tell(one);
    for (const directory of done?.occupied ?? []) occupied(directory);
  }
}
