import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const heap = resolve(import.meta.dirname, '../../src/heap.ts');

/** Keeps 40 MB, makes 800 MB of garbage that outlives its youth, and counts how often all was looked through. */
const script = `
  import { PerformanceObserver, constants } from 'node:perf_hooks';
  const { keepHeapSmall, tidyHeap } = await import(process.argv[1]);
  let count = 0;
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) count++;
  }).observe({ entryTypes: ['gc'] });
  const turn = () => new Promise((resolve) => setTimeout(resolve, 2));
  const block = () => Array.from({ length: 1_000 }, (_, place) => ({ place, half: place / 2 }));
  if (process.argv[2] === 'small') keepHeapSmall();
  const kept = Array.from({ length: 400 }, block);
  await turn();
  count = 0;
  let young = [];
  for (let made = 0; made < 10_000; made++) {
    young.push(block());
    if (young.length > 50) young.shift();
    if (made % 10 === 0) await turn();
  }
  const majors = count;
  young = Array.from({ length: 400 }, block);
  young = [];
  await turn();
  count = 0;
  const before = process.memoryUsage().heapUsed;
  tidyHeap();
  const freed = before - process.memoryUsage().heapUsed;
  await turn();
  if (kept.length > 0) console.log(JSON.stringify({ majors, tidied: count, freed }));
`;

/** By what is allocated alone: threads that look through it beside the program take as long as a busy machine lets them. */
const inTurn = ['--single-threaded-gc', '--no-incremental-marking'];

function use(mode: 'small' | 'usual'): { majors: number; tidied: number; freed: number } {
  const args = [...inTurn, '--input-type=module', '-e', script, heap, mode];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

it('a heap that is kept small is looked through more often, and at once when it is tidied', () => {
  const small = use('small');
  const usual = use('usual');
  expect(small.majors).toBeGreaterThan(usual.majors);
  expect(small.tidied).toBeGreaterThan(0);
  expect(small.freed).toBeGreaterThan(10_000_000);
});

it('a heap that is not kept small is left to itself', () => {
  expect(use('usual').tidied).toBe(0);
});
