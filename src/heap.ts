import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/*
 * What a run knows is in typed arrays, which grow with the registry; all else is garbage within moments. Left to itself,
 * the heap grows to several times what is in use before it is looked through, and a run stands beside others on its
 * machine. But looking through it takes processors away from whoever waits for a registry that is closed.
 */

/** By how much, in percent of what is in use, the heap may grow until it is looked through again. */
const growth = 40;

let isSmall = false;

/** From now on the heap of this process stays small. To be called first of all. */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${growth}`);
  isSmall = true;
}

/**
 * Looks through the heap at once, rather than while somebody waits, and makes V8 prefer memory to speed from then on: the
 * long reading, which that would slow down by some 6 %, is over, and several threads come. Does nothing unless the heap is
 * kept small.
 */
export function tidyHeap(): void {
  if (!isSmall) return;
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
