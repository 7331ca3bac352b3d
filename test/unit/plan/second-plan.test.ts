import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInventory } from '../../../src/inventory/read.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { Plan, Policy } from '../../../src/plan/plan.ts';
import { type MemoryStorage, memoryStorage } from '../../../src/storage/memory.ts';
import { at } from '../../support/layout.ts';
import { now, type RandomRegistry, randomRegistry, write } from '../../support/random-registry.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.RUNS ?? 200);
/** ms, on a machine that has much else to do. */
const patience = Math.max(60_000, runs * 200);

interface Change {
  readonly what: 'drop-tag' | 'drop-revision' | 'move-tag' | 'drop-repository';
  readonly repository: number;
  readonly which: number;
  readonly target: number;
}

/** Of what users do while we look: only to links that are read again. Few of a registry's repositories change. */
const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    what: fc.constantFrom('drop-tag', 'drop-revision', 'move-tag', 'drop-repository'),
    repository: fc.nat(),
    which: fc.nat(),
    target: fc.nat(),
  }),
  { maxLength: 3 },
);

/** Makes the change; the name of the repository that it was made to. */
function make(storage: MemoryStorage, registry: RandomRegistry, change: Change): string {
  const { repositories } = registry;
  const { name = '' } = repositories[change.repository % repositories.length] ?? {};
  const keys = storage.keys().filter((key) => key.startsWith(`${at.repository(name)}/_manifests/`));
  const revisions = keys.filter((key) => key.includes('/revisions/'));
  const tags = keys.filter((key) => key.endsWith('/current/link'));
  const revision = revisions[change.target % revisions.length];
  const tag = tags[change.which % tags.length];
  // Its own directories, and not what is nested in it.
  if (change.what === 'drop-repository') {
    for (const area of ['_manifests', '_layers']) storage.drop(`${at.repository(name)}/${area}/`);
  }
  if (change.what === 'drop-revision' && revision !== undefined) storage.drop(revision);
  if (change.what === 'drop-tag' && tag !== undefined) storage.drop(tag.replace(/\/current\/link$/, ''));
  if (change.what === 'move-tag' && tag !== undefined && revision !== undefined) {
    const digest = revision.split('/').slice(-3, -1).join(':');
    storage.put(tag, digest, now + 5);
    storage.put(tag.replace(/current\/link$/, `index/${digest.replace(':', '/')}/link`), digest, now + 5);
  }
  return name;
}

function keysOf(plan: Plan): string[] {
  return Array.from(plan.remove, ({ key }) => key).sort();
}

/** In order, blobs apart: they are nobody's. */
function keysIn(plan: Plan, repository: string): string[] {
  return Array.from(plan.remove)
    .filter((removal) => removal.kind !== 'blob' && removal.repository === repository)
    .map(({ key }) => key);
}

describe(`a second plan (seed ${seed})`, () => {
  it(
    'is the same on the ids of the first look as on its own, and that of the first where nothing changed',
    async () => {
      const later = fc.nat(3_000);
      const collectors = fc.constantFrom('registry', 'native');
      await fc.assert(
        fc.asyncProperty(randomRegistry, changes, later, collectors, async (registry, all, ms, collector) => {
          const storage = memoryStorage(() => now);
          write(registry, storage);
          const policy: Policy = {
            now,
            untaggedKeepWithin: registry.keepWithin,
            protect: new Set(),
            uploadsKeepWithin: 1_000,
            removeEmptyRepositories: false,
            collector,
          };
          const known = await readInventory(storage);
          const first = makePlan(known, policy);
          const changed = new Set(all.map((change) => make(storage, registry, change)));
          const behind = { ...policy, now: now + 5 + ms };
          const shared = makePlan(await readInventory(storage, { known }), behind, first);
          const apart = makePlan(await readInventory(storage), behind, first);
          expect(keysOf(shared)).toEqual(keysOf(apart));
          expect(shared.totals).toEqual(apart.totals);
          expect(shared.store).toBe(apart.store);

          const allowed = new Set(keysOf(first));
          for (const { kind, key } of shared.remove) {
            // Which blobs the registry's own collector takes is not up to us.
            if (kind !== 'blob' || collector === 'native') expect(allowed.has(key), key).toBe(true);
          }
          for (const { name } of registry.repositories) {
            // Time alone makes everything older: what the first look let go may still go, and nothing else.
            if (!changed.has(name)) expect(keysIn(shared, name)).toEqual(keysIn(first, name));
          }
          if (changed.size === 0) expect(keysOf(shared)).toEqual(keysOf(first));
        }),
        { seed, numRuns: runs },
      );
    },
    patience,
  );
});
