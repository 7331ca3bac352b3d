// The heap as the program has it.
import '../../src/frugal.ts';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readInventory } from '../../src/inventory/read.ts';
import { decideDeleteUntagged } from '../../src/plan/delete-untagged.ts';
import { askGuards } from '../../src/plan/guards.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Removal } from '../../src/plan/plan.ts';
import { warningsOf } from '../../src/plan/warnings.ts';
import { openStorage } from '../../src/storage/open.ts';

/*
 * Inventory, plan and guards of a storage and nothing else, as a run does them before it closes anything.
 * node look.ts ROOT --collector native|registry [--keys DIRECTORY]
 * Prints JSON: seconds of each, and what was found. --keys writes what would go into files named by kind.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { collector: { type: 'string' }, keys: { type: 'string' } },
});
const [root = ''] = positionals;
const collector = values.collector === 'registry' ? 'registry' : 'native';
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
