import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const heap = resolve(import.meta.dirname, '../../src/heap.ts');

/** Keeps 40 MB, makes 160 MB of garbage that outlives its youth in each phase, and counts how often all was looked through. */
const script = `
  import { PerformanceObserver, constants } from 'node:perf_hooks';
  const { keepHeapSmall, hurryHeap, spareHeap } = await import(process.argv[1]);
  let count = 0;
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) count++;
  }).observe({ entryTypes: ['gc'] });
  const turn = () => new Promise((resolve) => setTimeout(resolve, 2));
  const block = () => Array.from({ length: 1_000 }, (_, place) => ({ place, half: place / 2 }));
  const phases = {};
  async function phase(name, enter = () => {}) {
    enter();
    await turn();
    count = 0;
    const young = [];
    for (let made = 0; made < 2_000; made++) {
      young.push(block());
      if (young.length > 50) young.shift();
      if (made % 10 === 0) await turn();
    }
    phases[name] = count;
  }
  if (process.argv[2] === 'small') keepHeapSmall();
  const kept = Array.from({ length: 400 }, block);
  await phase('before');
  await phase('hurried', hurryHeap);
  await phase('spared', spareHeap);
  if (kept.length > 0) console.log(JSON.stringify(phases));
`;

type Phases = Readonly<Record<'before' | 'hurried' | 'spared', number>>;

function majors(mode: 'small' | 'usual'): Phases {
  const args = ['--input-type=module', '-e', script, heap, mode];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

it('a heap that is kept small is looked through less often while somebody waits, and often again afterwards', () => {
  const { hurried, spared } = majors('small');
  expect(hurried).toBeLessThan(spared - 2);
});

it('a heap that is not kept small is left to itself', () => {
  const { before, hurried, spared } = majors('usual');
  expect(Math.max(hurried, spared)).toBeLessThan(before + 3);
});
