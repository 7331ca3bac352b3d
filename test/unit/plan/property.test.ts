import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyPlan } from '../../../src/apply/apply.ts';
import { readInventory } from '../../../src/inventory/read.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { Plan, Policy } from '../../../src/plan/plan.ts';
import { digestOf } from '../../../src/registry/digest.ts';
import { type MemoryStorage, memoryStorage } from '../../../src/storage/memory.ts';
import { heldLock } from '../../support/held.ts';
import {
  layerDigest,
  manifestContents,
  now,
  type RandomRegistry,
  randomRegistry,
  whatStays,
  write,
} from '../../support/random-registry.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.RUNS ?? 1_000);

function digestsOf(registry: RandomRegistry): string[] {
  return manifestContents(registry).map((content) => digestOf(Buffer.from(content)));
}

function policyOf(registry: RandomRegistry): Policy {
  const digests = digestsOf(registry);
  return {
    now,
    untaggedKeepWithin: registry.keepWithin,
    protect: new Set(registry.protect.map((index) => digests[index] ?? '')),
    uploadsKeepWithin: 1_000,
    removeEmptyRepositories: false,
  };
}

function build(registry: RandomRegistry): MemoryStorage {
  const storage = memoryStorage(() => now);
  write(registry, storage);
  return storage;
}

async function planOf(storage: MemoryStorage, registry: RandomRegistry): Promise<Plan> {
  return makePlan(await readInventory(storage), policyOf(registry));
}

/** `repository digest` of everything that the model keeps, or not. */
function expected(registry: RandomRegistry): { kept: string[]; gone: string[] } {
  const digests = digestsOf(registry);
  const stays = whatStays(registry);
  const kept: string[] = [];
  const gone: string[] = [];
  for (const { name, revisions } of registry.repositories) {
    for (const index of revisions.keys()) {
      (stays.get(name)?.has(index) ? kept : gone).push(`${name} ${digests[index]}`);
    }
  }
  return { kept: kept.sort(), gone: gone.sort() };
}

/** Blobs that some manifest which stays is, or names. */
function neededBlobs(registry: RandomRegistry): Set<string> {
  const digests = digestsOf(registry);
  const needed = new Set<string>();
  for (const kept of whatStays(registry).values()) {
    for (const index of kept) {
      needed.add(digests[index] ?? '');
      const { layers = [], children = [] } = registry.manifests[index] ?? {};
      for (const child of children) needed.add(digests[child] ?? '');
      if (children.length === 0) for (const layer of layers) needed.add(layerDigest(layer));
    }
  }
  return needed;
}

/** Those that keep a last layer link. Which one that is depends on what else stays, so two plans may spare two. */
function repositoriesWithASpareLink(plan: Plan): Set<string> {
  const spared = plan.repositories.filter(({ name, layerLinksRemoved, manifestsAfter }) => {
    const links = plan.kept.inventory.repository(name)?.layerLinkCount ?? 0;
    return manifestsAfter > 0 && links - layerLinksRemoved === 1;
  });
  return new Set(spared.map(({ name }) => name));
}

describe(`random registries (seed ${seed})`, () => {
  it('keeps what is reachable, young or protected, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(randomRegistry, async (registry) => {
        const storage = build(registry);
        const plan = await planOf(storage, registry);
        const { kept, gone } = expected(registry);
        expect([...plan.keep].map(({ repository, digest }) => `${repository} ${digest}`).sort()).toEqual(
          kept,
        );
        const removed = [...plan.remove].filter(({ kind }) => kind === 'revision');
        expect(removed.map(({ repository, digest }) => `${repository} ${digest}`).sort()).toEqual(gone);
      }),
      { seed, numRuns: runs },
    );
  });

  it('foretells exactly the blobs that no manifest which stays needs', async () => {
    await fc.assert(
      fc.asyncProperty(randomRegistry, async (registry) => {
        const storage = build(registry);
        const plan = await planOf(storage, registry);
        const needed = neededBlobs(registry);
        const inventory = plan.kept.inventory;
        const unneeded: string[] = [];
        let bytes = 0;
        inventory.eachBlob((id, size) => {
          if (needed.has(inventory.digest(id))) return;
          unneeded.push(inventory.digest(id));
          bytes += size;
        });
        const foretold = [...plan.remove].filter(({ kind }) => kind === 'blob').map(({ digest }) => digest);
        expect(foretold.sort()).toEqual(unneeded.sort());
        expect(plan.totals.removed.bytes).toBe(bytes);
      }),
      { seed, numRuns: runs },
    );
  });

  it('applies its plan so that a second look finds no more links to remove', async () => {
    const held = heldLock();
    await fc.assert(
      fc.asyncProperty(randomRegistry, async (registry) => {
        const storage = build(registry);
        const plan = await planOf(storage, registry);
        const applied = await applyPlan(storage, plan, held, { signal: new AbortController().signal });
        expect(applied.left).toEqual([]);
        expect(applied.removed.revision).toBe(plan.totals.removed.manifests);
        expect(applied.removed['layer-link']).toBe(plan.totals.removed.layerLinks);
        const again = await planOf(storage, registry);
        expect([...again.remove].filter(({ kind }) => kind !== 'blob')).toEqual([]);
        expect([...again.keep]).toEqual([...plan.keep]);
      }),
      { seed, numRuns: Math.ceil(runs / 4) },
    );
  });

  it('lets nothing go, with an earlier plan, that the earlier plan did not let go', async () => {
    await fc.assert(
      fc.asyncProperty(randomRegistry, randomRegistry, async (before, after) => {
        const first = await planOf(build(before), before);
        const policy = policyOf(after);
        const second = makePlan(await readInventory(build(after)), policy, first);
        const alone = makePlan(await readInventory(build(after)), policy);
        const links = (plan: Plan): Set<string> =>
          new Set([...plan.remove].filter(({ kind }) => kind !== 'blob').map(({ key }) => key));
        const allowed = links(first);
        const without = links(alone);
        const sparing = repositoriesWithASpareLink(alone);
        for (const { kind, key, repository = '' } of second.remove) {
          if (kind === 'blob') continue;
          expect(allowed.has(key)).toBe(true);
          if (kind !== 'layer-link' || !sparing.has(repository)) expect(without.has(key)).toBe(true);
        }
      }),
      { seed, numRuns: Math.ceil(runs / 4) },
    );
  });

  it('lets the same go with either collector, where nothing is young', async () => {
    await fc.assert(
      fc.asyncProperty(randomRegistry, async (registry) => {
        const inventory = await readInventory(build(registry));
        const policy: Policy = { ...policyOf(registry), untaggedKeepWithin: 0 };
        const own = makePlan(inventory, policy);
        const native = makePlan(inventory, { ...policy, collector: 'native' });
        expect([...native.remove]).toEqual([...own.remove]);
        expect(native.totals).toEqual(own.totals);
        expect(native.worthwhile).toBe(own.worthwhile);
        expect(native.kept.marked).toEqual(own.kept.marked);
      }),
      { seed, numRuns: Math.ceil(runs / 4) },
    );
  });
});
