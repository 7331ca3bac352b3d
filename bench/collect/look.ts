import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Removal } from '../../src/plan/plan.ts';

/*
 * Inventory, plan and guards of a storage and nothing else, as a run does them before it closes anything.
 * node look.ts ROOT --program DIRECTORY --collector native|registry [--keys DIRECTORY]
 * Prints JSON: seconds of each, and what was found. --program: where the compiled program is. --keys writes what would go
 * into files named by kind.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { program: { type: 'string' }, collector: { type: 'string' }, keys: { type: 'string' } },
});
const [root = ''] = positionals;
const collector = values.collector === 'registry' ? 'registry' : 'native';

// As it is shipped: threads of sources would first of all have their types taken out of them.
const { program } = values;
if (program === undefined) throw new Error('--program is missing');
const part = (name: string): string => pathToFileURL(join(program, name)).href;
// First of all, for the heap.
await import(part('frugal.js'));
const { readInventory }: typeof import('../../src/inventory/read.ts') = await import(
  part('inventory/read.js')
);
const { decideDeleteUntagged }: typeof import('../../src/plan/delete-untagged.ts') = await import(
  part('plan/delete-untagged.js')
);
const { askGuards }: typeof import('../../src/plan/guards.ts') = await import(part('plan/guards.js'));
const { makePlan }: typeof import('../../src/plan/make-plan.ts') = await import(part('plan/make-plan.js'));
const { warningsOf }: typeof import('../../src/plan/warnings.ts') = await import(part('plan/warnings.js'));
const { openStorage }: typeof import('../../src/storage/open.ts') = await import(part('storage/open.js'));

const storage = await openStorage({ driver: 'filesystem', root, readOnly: true });

const began = performance.now();
const inventory = await readInventory(storage, { thorough: collector === 'registry' });
const read = performance.now();
const policy = {
  now: Date.now(),
  untaggedKeepWithin: 3_600_000,
  protect: new Set<never>(),
  uploadsKeepWithin: 604_800_000,
  removeEmptyRepositories: false,
  collector,
} as const;
const plan = makePlan(inventory, policy);
const planned = performance.now();
const about = { major: 2, missingAreas: [], allowNoTags: false, proxy: undefined, collector } as const;
const warnings = warningsOf(inventory, (key) => storage.locate(key));
const refusals = askGuards({ ...about, plan, apiRepositories: undefined });
decideDeleteUntagged(plan, 'auto');
const guarded = performance.now();

const odd = [...warnings, ...refusals.map(({ reason }) => reason)];
if (odd.length > 0) throw new Error(`nothing is odd about this tree, but: ${odd.slice(0, 5).join('; ')}`);
if (values.keys !== undefined) {
  for (const kind of ['tag-history', 'revision', 'layer-link', 'blob'] satisfies Removal['kind'][]) {
    const keys = Array.from(plan.remove.of(kind), ({ key }) => `${key}\n`);
    writeFileSync(`${values.keys}/${kind}`, keys.join(''));
  }
}
const seconds = (from: number, to: number): number => (to - from) / 1000;
process.stdout.write(
  `${JSON.stringify({
    seconds: seconds(began, guarded),
    parts: {
      inventory: seconds(began, read),
      plan: seconds(read, planned),
      guards: seconds(planned, guarded),
    },
    counts: inventory.counts,
    removed: plan.totals.removed,
  })}\n`,
);
