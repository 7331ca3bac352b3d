import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInventory } from '../../../src/inventory/read.ts';
import { askGuards } from '../../../src/plan/guards.ts';
import { isLeftAlone } from '../../../src/plan/isolate.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { Plan, Policy } from '../../../src/plan/plan.ts';
import { type MemoryStorage, memoryStorage } from '../../../src/storage/memory.ts';
import { at, digestOf } from '../../support/layout.ts';
import { linkedBlobs } from '../../support/linked-blobs.ts';
import {
  layerDigest,
  manifestContents,
  now,
  type RandomRegistry,
  randomRegistry,
  write,
} from '../../support/random-registry.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.RUNS ?? 300);
/** ms, on a machine that has much else to do. */
const patience = Math.max(60_000, runs * 200);
const together = 100;

const about = {
  major: 2,
  missingAreas: [],
  allowNoTags: true,
  proxy: undefined,
  collector: 'native',
  apiRepositories: undefined,
} as const;

/** What is done to one file of a repository, or to a blob that it links to. */
const spoilings: Readonly<Record<string, (storage: MemoryStorage, key: string) => void>> = {
  drop: (storage, key) => storage.drop(key),
  empty: (storage, key) => storage.put(key, '', now - 1_000_000),
  junk: (storage, key) => storage.put(key, '{"no":"digest"}\n', now - 1_000_000),
  another: (storage, key) => storage.put(key, layerDigest(3), now - 1_000_000),
  // (A manifest that is none ends the reading: it fails before there is a plan.)
  fifo: (storage, key) => {
    storage.drop(key);
    storage.other(key);
  },
};

interface Damage {
  readonly repository: number;
  readonly file: number;
  /** A blob that it links to, rather than a file of its own. */
  readonly blob: boolean;
  readonly how: string;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  repository: fc.nat(),
  file: fc.nat(),
  blob: fc.boolean(),
  how: fc.constantFrom(...Object.keys(spoilings)),
});

async function victims(storage: MemoryStorage, repository: string, blob: boolean): Promise<string[]> {
  if (blob) return [...(await linkedBlobs(storage, repository))].sort();
  const own = ['_manifests', '_layers'].map((area) => `${at.repository(repository)}/${area}/`);
  return storage.keys().filter((key) => own.some((area) => key.startsWith(area)) && !key.endsWith('/'));
}

/** Keys of what goes from repositories that are not left alone, blobs apart. */
function elsewhere(plan: Plan, isolated: ReadonlySet<string>): string[] {
  return Array.from(plan.remove)
    .filter(({ kind, repository = '' }) => kind !== 'blob' && !isolated.has(repository))
    .map(({ key }) => key);
}

type Seen = Record<'isolated' | 'refused' | 'harmless', number>;

async function lookAt(
  registry: RandomRegistry,
  { repository, file, blob, how }: Damage,
  seen: Seen,
): Promise<void> {
  const storage = memoryStorage(() => now);
  write(registry, storage);
  const { name = '' } = registry.repositories[repository % registry.repositories.length] ?? {};
  const contents = manifestContents(registry).map((content) => Buffer.from(content));
  const manifests = new Set(contents.map((content) => at.blob(digestOf(content))));
  const keys = await victims(storage, name, blob);
  const key = keys[file % keys.length];
  if (key === undefined || (how === 'fifo' && manifests.has(key))) return;
  spoilings[how]?.(storage, key);
  const inventory = await readInventory(storage);
  const policy: Policy = {
    now,
    untaggedKeepWithin: registry.keepWithin,
    protect: new Set(),
    uploadsKeepWithin: 1_000,
    removeEmptyRepositories: false,
    collector: 'native',
  };
  const stopped = makePlan(inventory, policy);
  const plan = makePlan(inventory, { ...policy, damage: 'isolate' });
  const { isolated } = plan;
  const refusals = askGuards({ ...about, plan });
  seen[refusals.length > 0 ? 'refused' : isolated.size > 0 ? 'isolated' : 'harmless']++;
  // What is no file among the blobs belongs to nobody.
  for (const { guard } of refusals) expect([guard, blob, how]).toEqual(['special', true, 'fifo']);
  if (!blob) expect([...isolated].filter((one) => one !== name)).toEqual([]);
  // Whatever would have stopped everything is left alone.
  expect(isolated.size > 0 || refusals.length > 0).toBe(askGuards({ ...about, plan: stopped }).length > 0);

  const goes = new Set(Array.from(plan.remove, (removal) => removal.key));
  for (const one of goes) expect(isLeftAlone(isolated, one), one).toBe(false);
  expect(elsewhere(plan, isolated)).toEqual(elsewhere(stopped, isolated));
  const linked = new Set<string>();
  for (const one of isolated) for (const it of await linkedBlobs(storage, one)) linked.add(it);
  const blobs = Array.from(stopped.remove.of('blob'), (removal) => removal.key);
  for (const one of blobs) expect(goes.has(one), one).toBe(!linked.has(one));
  for (const one of plan.remove.of('blob')) expect(blobs).toContain(one.key);
  plan.kept.inventory.eachBlob((id) => {
    const where = at.blob(plan.kept.inventory.digest(id));
    expect(plan.kept.marked[id] === 1, where).toBe(!goes.has(where));
  });
}

describe(`random damage to one repository (seed ${seed})`, () => {
  it(
    'lets it, and all that it links to, alone, and nothing else',
    async () => {
      const seen: Seen = { isolated: 0, refused: 0, harmless: 0 };
      const scenes = fc.array(fc.tuple(randomRegistry, damage), { minLength: together, maxLength: together });
      await fc.assert(
        // Many at once, since a link that cannot be read is read again after a while; the one that fails is told as it is.
        fc.asyncProperty(scenes, async (all) => {
          await Promise.all(
            all.map(async ([registry, one]) => {
              await lookAt(registry, one, seen).catch((error: unknown) => {
                throw new Error(`with ${fc.stringify([registry, one])}`, { cause: error });
              });
            }),
          );
        }),
        { seed, numRuns: Math.ceil(runs / together), endOnFailure: true },
      );
      if (runs >= 300)
        for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0);
    },
    patience,
  );
});
