import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Home, homeIn } from '../../../bench/tree/home.ts';
import { countsOf, type ShapeOptions, shapeOf } from '../../../bench/tree/shape.ts';
import { readInventory } from '../../../src/inventory/read.ts';
import { askGuards } from '../../../src/plan/guards.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { warningsOf } from '../../../src/plan/warnings.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { temporaryDirectory } from '../../support/program.ts';
import { walk } from '../../support/tree.ts';

describe('the named sizes', () => {
  it('small is as large as the registry that people told of', () => {
    expect(countsOf(shapeOf('small'))).toMatchObject({ repositories: 119, blobs: 14_327 });
  });

  it('large has the figures that promises are made about', () => {
    expect(countsOf(shapeOf('large'))).toEqual({
      repositories: 600,
      manifests: 30_000,
      untagged: 15_000,
      tags: 15_000,
      tagHistory: 30_000,
      layerLinks: 312_361,
      blobs: 300_500,
      files: 687_861,
    });
  });

  it('huge has a million blobs, in the proportions of large', () => {
    const [huge, large] = [countsOf(shapeOf('huge')), countsOf(shapeOf('large'))];
    expect(huge.blobs).toBe(1_000_000);
    for (const count of ['repositories', 'manifests', 'tags', 'layerLinks', 'files'] as const)
      expect(huge[count] / large[count] / (huge.blobs / large.blobs)).toBeCloseTo(1, 2);
  });

  it('the share of garbage is a share of the manifests, and no repository loses all its tags', () => {
    expect(countsOf(shapeOf('large', { garbage: 0.01 }))).toMatchObject({ untagged: 300, tags: 29_700 });
    const { manifests, untagged } = shapeOf('large', { garbage: 1 });
    for (const [at, count] of manifests.entries()) expect(untagged[at]).toBe(count - 1);
  });

  it('skewed, one repository has 90 % of the manifests, and there are as many files as ever', () => {
    const shape = shapeOf('large', { skew: true });
    expect(shape.manifests[0]).toBe(27_000);
    expect(countsOf(shape)).toMatchObject({ manifests: 30_000, files: 687_861 });
  });
});

describe('a tree', () => {
  const place = temporaryDirectory();
  let homes: readonly Home[];
  beforeAll(async () => {
    const build = (name: string, options: ShapeOptions = {}) =>
      homeIn(join(place.path, name), { size: 'tiny', garbage: 0.5, skew: false, seed: 1, ...options });
    homes = [
      await build('one'),
      await build('same'),
      await build('other', { seed: 2 }),
      await build('skewed', { skew: true, garbage: 0.1 }),
    ];
  }, 60_000);
  afterAll(() => place[Symbol.dispose]());
  const home = (at: number): Home => homes[at]!;

  it.each([
    ['evenly spread', 0],
    ['skewed', 3],
  ])('holds what was counted, all of it as a registry makes it: %s', async (_, at) => {
    const { root, counts } = home(at);
    const storage = await openStorage({ driver: 'filesystem', root, readOnly: true });
    const inventory = await readInventory(storage);
    const { repositories, manifests, tags, layerLinks, blobs } = counts;
    expect(inventory.counts).toMatchObject({ repositories, manifests, tags, layerLinks, blobs });
    expect([...walk(root)].filter(({ stats }) => stats.isFile())).toHaveLength(counts.files);
    const plan = makePlan(inventory, {
      now: Date.now(),
      untaggedKeepWithin: 86_400_000,
      protect: new Set(),
      uploadsKeepWithin: 0,
      removeEmptyRepositories: false,
    });
    expect(plan.totals.removed).toMatchObject({ manifests: counts.untagged, tags: 0 });
    expect(plan.totals.removed.blobs).toBeGreaterThanOrEqual(10 * counts.untagged);
    const about = { major: 2, missingAreas: [], allowNoTags: false, proxy: undefined } as const;
    expect(askGuards({ ...about, plan, apiRepositories: undefined })).toEqual([]);
    expect(warningsOf(inventory, (key) => key)).toEqual([]);
  });

  it('is the same one for the same seed, to the second', () => {
    expect(entriesOf(home(1))).toEqual(entriesOf(home(0)));
    expect(entriesOf(home(2))).not.toEqual(entriesOf(home(0)));
  });

  it('is taken as it is where it was asked for before, and nothing else is', async () => {
    const directory = join(home(0).root, '..');
    const again = { size: 'tiny', garbage: 0.5, skew: false, seed: 1 } as const;
    expect(await homeIn(directory, again)).toEqual(home(0));
    await expect(homeIn(directory, { ...again, seed: 3 })).rejects.toThrow('holds another tree');
  });
});

/** Every file with its size, its time and, unless it is a hole, what is in it. */
function entriesOf({ root }: Home): string[] {
  return [...walk(root)]
    .map(({ path, stats }) => {
      if (!stats.isFile()) return path;
      const content = stats.blocks > 0 ? readFileSync(join(root, path), 'utf8') : '';
      return `${path} ${stats.size} ${stats.mtimeMs} ${content}`;
    })
    .sort();
}
