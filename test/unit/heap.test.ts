import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const heap = resolve(import.meta.dirname, '../../src/heap.ts');

/** Keeps some 30 MB, makes 280 MB of garbage, and tells how large the heap got and what tidying it did. */
const script = `
  import { PerformanceObserver, constants } from 'node:perf_hooks';
  const { keepHeapSmall, tidyHeap } = await import(process.argv[1]);
  let majors = 0;
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) majors++;
  }).observe({ entryTypes: ['gc'] });
  const turn = () => new Promise((resolve) => setTimeout(resolve, 2));
  const used = () => process.memoryUsage().heapUsed;
  const block = () => Array.from({ length: 1_000 }, (_, place) => ({ place, half: place / 2 }));
  if (process.argv[2] === 'small') keepHeapSmall();
  const kept = Array.from({ length: 400 }, block);
  const atFirst = used();
  let atMost = 0;
  let young = [];
  for (let made = 0; made < 4_000; made++) {
    young.push(block());
    if (young.length > 50) young.shift();
    atMost = Math.max(atMost, used());
  }
  young = Array.from({ length: 400 }, block);
  young = [];
  await turn();
  majors = 0;
  const before = used();
  tidyHeap();
  const freed = before - used();
  await turn();
  if (kept.length > 0) console.log(JSON.stringify({ growth: atMost / atFirst, tidied: majors, freed }));
`;

/**
 * The heap is looked through when so much was allocated, and by nobody beside the program: a busy machine changes nothing.
 * The youngest part of it is too small for what the script makes to die in it.
 */
const inTurn = ['--single-threaded-gc', '--no-incremental-marking', '--max-semi-space-size=1'];

function use(mode: 'small' | 'usual'): { growth: number; tidied: number; freed: number } {
  const args = [...inTurn, '--input-type=module', '-e', script, heap, mode];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

it('a heap that is kept small does not grow to twice what is in use, and is looked through when it is tidied', () => {
  const { growth, tidied, freed } = use('small');
  expect(growth).toBeLessThan(2);
  expect(tidied).toBeGreaterThan(0);
  expect(freed).toBeGreaterThan(10_000_000);
});

it('a heap that is not kept small is left to itself', () => {
  const { growth, tidied } = use('usual');
  expect(growth).toBeGreaterThan(2);
  expect(tidied).toBe(0);
});
