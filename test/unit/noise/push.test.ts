import { describe, expect, it } from 'vitest';
import { build } from '../../../src/noise/build.ts';
import { designNoise, type NoiseOptions } from '../../../src/noise/design.ts';
import { parseNoise } from '../../../src/noise/options.ts';
import { type PushProgress, pushNoise } from '../../../src/noise/push.ts';
import { createRandom } from '../../../src/noise/random.ts';
import type { Client } from '../../../src/registry/client.ts';
import { digestOf } from '../../../src/registry/digest.ts';
import { memoryStore } from './memory-store.ts';

type PushClient = Pick<Client, 'pushBlob' | 'putManifest'>;

interface FakeRegistry {
  readonly client: Client;
  /** `repository:reference` → digest. */
  readonly manifests: ReadonlyMap<string, string>;
  readonly uploads: readonly string[];
  readonly mounts: readonly string[];
  /** Everything that was offered, whatever came of it. */
  readonly offers: readonly string[];
  readonly most: () => number;
}

/**
 * A registry whose answers overtake each other, and that may fail: neither can be had from a real one at will.
 * `fails`: whether the nth request does.
 */
function fakeRegistry(seed: string, fails: (request: number) => boolean = () => false): FakeRegistry {
  const random = createRandom(seed);
  const manifests = new Map<string, string>();
  const blobs = new Set<string>();
  const uploads: string[] = [];
  const mounts: string[] = [];
  const offers: string[] = [];
  let running = 0;
  let most = 0;
  let requests = 0;

  async function answer<T>(work: () => T): Promise<T> {
    const number = ++requests;
    most = Math.max(most, ++running);
    for (let turns = random.integer(0, 6); turns > 0; turns--)
      await new Promise((next) => setImmediate(next));
    running--;
    if (fails(number)) throw new Error(`request ${number} failed`);
    return work();
  }

  const client: PushClient = {
    pushBlob: (repository, bytes, { mountFrom } = {}) =>
      answer(() => {
        const digest = digestOf(bytes);
        const key = `${repository} ${digest}`;
        offers.push(key);
        if (blobs.has(key)) return { digest, how: 'present' };
        blobs.add(key);
        if (mountFrom !== undefined && blobs.has(`${mountFrom} ${digest}`)) {
          mounts.push(key);
          return { digest, how: 'mounted' };
        }
        uploads.push(key);
        return { digest, how: 'uploaded' };
      }),
    putManifest: (repository, reference, { bytes }) =>
      answer(() => {
        const digest = digestOf(bytes);
        manifests.set(`${repository}:${reference}`, digest);
        return digest;
      }),
  };
  return { client: client as Client, manifests, uploads, mounts, offers, most: () => most };
}

function options(given: Parameters<typeof parseNoise>[0]): NoiseOptions {
  return parseNoise({ seed: '1', layerSize: '10', layers: '2', ...given });
}

describe('pushNoise', () => {
  it.each(['a', 'b', 'c', 'd'])(
    'leaves every tag at the last push to it, whatever overtakes (%s)',
    async (order) => {
      const given = options({ images: '60', repositories: '2', tags: '2', referrers: '0' });
      const design = designNoise(given);
      const { client, manifests } = fakeRegistry(order);
      await pushNoise(design, { client, seed: given.seed });
      const expected = new Map<string, string>();
      for (const { repository, tag, content } of design) {
        expected.set(`${repository}:${tag}`, (await build(content, memoryStore(given.seed))).digest);
      }
      for (const [tag, digest] of expected) expect([tag, manifests.get(tag)]).toEqual([tag, digest]);
    },
  );

  it('sends a layer over the wire once, and mounts it in other repositories', async () => {
    const given = options({ images: '40', shared: '0.7', multiarch: '0', charts: '0', referrers: '0' });
    const { client, uploads, mounts, offers } = fakeRegistry('mount');
    const pushed = await pushNoise(designNoise(given), { client, seed: given.seed });
    const digests = uploads.map((key) => key.split(' ')[1]);
    expect(new Set(digests).size).toBe(digests.length);
    expect(new Set(offers).size).toBe(offers.length);
    expect(pushed.blobs).toBe(uploads.length);
    expect(mounts.length).toBeGreaterThan(5);
  });

  it('asks for no more than 8 things at a time', async () => {
    const given = options({ images: '30', layers: '20' });
    const { client, most } = fakeRegistry('most');
    await pushNoise(designNoise(given), { client, seed: given.seed });
    expect(most()).toBe(8);
  });

  it('tells how far it is', async () => {
    const given = options({ images: '10' });
    const { client } = fakeRegistry('progress');
    const told: PushProgress[] = [];
    const onProgress = (progress: PushProgress) => void told.push(progress);
    const pushed = await pushNoise(designNoise(given), { client, seed: given.seed, onProgress });
    expect(told.map(({ done }) => done)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(told.every(({ total }) => total === 10)).toBe(true);
    expect(told.at(-1)?.bytes).toBe(pushed.bytes);
  });

  it.each([1, 7, 40, 41, 42])(
    'ends with the error when request %i fails, and begins nothing new',
    async (nth) => {
      const given = options({ images: '200', tags: '1', repositories: '1' });
      let after = 0;
      const { client } = fakeRegistry('fail', (request) => {
        if (request > nth) after++;
        return request === nth;
      });
      const pushing = pushNoise(designNoise(given), { client, seed: given.seed });
      await expect(pushing).rejects.toThrow(`request ${nth} failed`);
      // What was under way may end; four pushes are, each with a few dozen requests at most.
      expect(after).toBeLessThan(60);
    },
  );

  it('has nothing to do for no images', async () => {
    const given = options({ images: '0' });
    const { client } = fakeRegistry('none');
    expect(await pushNoise(designNoise(given), { client, seed: given.seed })).toEqual({
      repositories: 0,
      tags: 0,
      manifests: 0,
      blobs: 0,
      bytes: 0,
    });
  });
});
