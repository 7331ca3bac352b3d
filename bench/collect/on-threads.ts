import { Worker } from 'node:worker_threads';

/** How many threads the floor and the warming get: as many as a small machine has. */
export const threads = 2;

/** Runs `module` on two threads, each with its part of `all`, and returns when both have ended well. */
export async function onThreads(module: URL, all: readonly string[]): Promise<void> {
  const share = Math.ceil(all.length / threads);
  await Promise.all(
    Array.from({ length: threads }, (_, at) => run(module, all.slice(at * share, (at + 1) * share))),
  );
}

function run(module: URL, workerData: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const worker = new Worker(module, { workerData, execArgv: [] });
  worker.once('error', reject);
  worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))));
  return promise;
}
