import { workerData } from 'node:worker_threads';
import type { Shape } from './shape.ts';
import { carryOut, tasksOf } from './write.ts';

/** Takes one task after the other, as whoever is free does. */
const { root, shape, next } = workerData as {
  readonly root: string;
  readonly shape: Shape;
  readonly next: SharedArrayBuffer;
};
const tasks = tasksOf(shape);
const counter = new Int32Array(next);
for (;;) {
  const task = tasks[Atomics.add(counter, 0, 1)];
  if (task === undefined) break;
  carryOut(root, shape, task);
}
