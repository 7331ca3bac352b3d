import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Shape } from './shape.ts';
import { prepare } from './write.ts';

/** Writes the storage of a registry of that shape below `root`, the driver's root, which must be new or empty. */
export async function buildTree(root: string, shape: Shape): Promise<void> {
  mkdirSync(root, { recursive: true });
  prepare(root, shape);
  const next = new SharedArrayBuffer(4);
  const workers = Math.max(2, Math.min(8, availableParallelism()));
  await Promise.all(Array.from({ length: workers }, () => work({ root, shape, next })));
}

function work(workerData: object): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData });
  worker.once('error', reject);
  worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
  return promise;
}
