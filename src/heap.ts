import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/*
 * What a run knows is in typed arrays, which grow with the registry; all else is garbage within moments. Left to itself,
 * the heap grows to several times what is in use before it is looked through, and a run stands beside others on its
 * machine. But looking through it takes processors away from whoever waits for a registry that is closed.
 */

/** By how much, in percent of what is in use, the heap may grow until it is looked through again. */
const growth = { small: 10, fast: 40 } as const;

let state: 'usual' | keyof typeof growth = 'usual';

/** From now on the heap of this process stays small, and those of threads that begin later. To be called first of all. */
export function keepHeapSmall(): void {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString(`--heap-growing-percent=${growth.small}`);
  state = 'small';
}

/** Until `spareHeap`, time counts for more than memory. Does nothing unless the heap is kept small. */
export function hurryHeap(): void {
  if (state === 'small') enter('fast');
}

/** Memory counts for more again. */
export function spareHeap(): void {
  if (state === 'fast') enter('small');
}

/** It is looked through at once: only then is it decided when it will be the next time. */
function enter(next: keyof typeof growth): void {
  setFlagsFromString(`--heap-growing-percent=${growth[next]}`);
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  state = next;
}
