import fc from 'fast-check';
import { expect } from 'vitest';
import { askGuards } from '../../../src/plan/guards.ts';
import type { MemoryStorage } from '../../../src/storage/memory.ts';
import { damaged, escaped, fuzz } from '../../support/fuzz.ts';
import { at } from '../../support/layout.ts';
import { hour, memoryRegistry, now } from '../../support/memory-registry.ts';

const sha512 = `sha512:${'0123456789abcdef'.repeat(8)}`;
const places = ['tag', 'revision', 'layer link', 'manifest'] as const;
const calm = {
  major: 2,
  proxy: undefined,
  allowNoTags: false,
  missingAreas: [],
  apiRepositories: undefined,
} as const;

/** Two images with a layer in common, each in a repository of its own, and an untagged one. */
function scene() {
  const registry = memoryRegistry();
  const healthy = registry.image('healthy', { tags: ['v1'], layers: ['shared', 'own'] });
  const hurt = registry.image('hurt', { tags: ['v1'], layers: ['shared', 'other'] });
  const untagged = registry.image('hurt', { layers: ['gone'] });
  return { registry, healthy, hurt, untagged };
}

async function contentOf(storage: MemoryStorage, key: string): Promise<string> {
  return Buffer.from((await storage.read(key)) ?? []).toString();
}

/** What must be there for the tag `v1` of a repository: key → bytes. */
async function closure(
  storage: MemoryStorage,
  repository: string,
  digest: string,
): Promise<Map<string, string>> {
  const manifest = JSON.parse(await contentOf(storage, at.blob(digest)));
  const blobs: string[] = [manifest.config, ...manifest.layers].map((one: { digest: string }) => one.digest);
  const keys = [
    at.current(repository, 'v1'),
    at.revision(repository, digest),
    ...[digest, ...blobs].map(at.blob),
    ...blobs.map((blob) => at.layer(repository, blob)),
  ];
  return new Map(await Promise.all(keys.map(async (key) => [key, await contentOf(storage, key)] as const)));
}

/** As the registry's collector: keeps the blobs that the manifests of revision links are and name. */
async function sweep(storage: MemoryStorage): Promise<void> {
  const marked = new Set<string>();
  const blobs: string[] = [];
  for await (const page of storage.list('')) {
    for (const { key, type } of page) {
      if (type !== 'file') continue;
      if (key.includes('/blobs/')) blobs.push(key);
      if (!key.includes('/_manifests/revisions/')) continue;
      const digest = await contentOf(storage, key);
      if (!/^sha256:[0-9a-f]{64}$/.test(digest)) continue;
      marked.add(at.blob(digest));
      const names = (await contentOf(storage, at.blob(digest))).match(/sha256:[0-9a-f]{64}/g) ?? [];
      for (const name of names) marked.add(at.blob(name));
    }
  }
  await storage.remove(blobs.filter((key) => !marked.has(key)));
}

const { registry: whole, healthy, hurt, untagged } = scene();
const layers = [...(await closure(whole.storage, 'hurt', hurt)).keys()].filter((key) =>
  key.includes('/_layers/'),
);
const victims = {
  tag: [at.current('hurt', 'v1')],
  revision: [at.revision('hurt', hurt), at.revision('hurt', untagged)],
  'layer link': layers,
  manifest: [at.blob(hurt), at.blob(untagged)],
} as const;
const samples = [healthy, hurt, untagged, sha512, await contentOf(whole.storage, at.blob(hurt))];
const damage = fc.record({ place: fc.constantFrom(...places), which: fc.nat(9), bytes: damaged(samples, 2) });

fuzz(
  'a registry of which one file is damaged is refused, or cleaned of nothing that a tag needs',
  { usual: 2_000, long: 60_000, together: 1_000 },
  fc.array(damage, { minLength: 1_000, maxLength: 1_000 }),
  async (all) => {
    const done = await Promise.all(
      all.map(async ({ place, which, bytes }) => {
        const { registry } = scene();
        const { storage } = registry;
        const key = victims[place][which % victims[place].length] ?? '';
        const before = await Promise.all([
          closure(storage, 'healthy', healthy),
          closure(storage, 'hurt', hurt),
        ]);
        storage.put(key, bytes, now - 1_000 * hour);
        const plan = await registry.plan();
        if (askGuards({ ...calm, plan }).length > 0) return 'refused';
        await storage.remove([...plan.remove].map((removal) => removal.key));
        await sweep(storage);
        const [healthyBefore, hurtBefore] = before;
        const needed = [...healthyBefore];
        // A tag that points elsewhere, rightly or by an accident that nobody can see, needs something else.
        if (place !== 'tag' || (await contentOf(storage, key)) === hurt) needed.push(...hurtBefore);
        for (const [path, content] of needed) {
          const now = path === key ? content : await contentOf(storage, path);
          if (now !== content) throw new Error(`${path} is gone after ${escaped(bytes)} in ${key}`);
        }
        return 'cleaned';
      }),
    );
    expect(new Set(done)).toEqual(new Set(['refused', 'cleaned']));
  },
);
