import { describe, expect, it } from 'vitest';
import { readInventory } from '../../../src/inventory/read.ts';
import { askGuards } from '../../../src/plan/guards.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { warningsOf } from '../../../src/plan/warnings.ts';
import { at, digestOf } from '../../support/layout.ts';
import {
  descriptor,
  hour,
  type MemoryRegistry,
  memoryRegistry,
  policy,
  removals,
} from '../../support/memory-registry.ts';

const collector = 'native';
const untaggedKeepWithin = hour;

function digest(content: string): string {
  return digestOf(Buffer.from(content));
}

/** Digests of blobs that are there and do not go, and of those of them that are not marked: there should be none. */
function staying({ remove, kept: { inventory, marked } }: Plan): { blobs: string[]; unmarked: string[] } {
  const goes = new Set(Array.from(remove.of('blob'), (removal) => removal.digest));
  const blobs: string[] = [];
  const unmarked: string[] = [];
  inventory.eachBlob((id) => {
    if (goes.has(inventory.digest(id))) return;
    blobs.push(inventory.digest(id));
    if (marked[id] !== 1) unmarked.push(inventory.digest(id));
  });
  return { blobs, unmarked };
}

function refusals(plan: Plan, major: number): string[] {
  const about = { major, missingAreas: [], allowNoTags: false, proxy: undefined, apiRepositories: undefined };
  return askGuards({ ...about, plan, collector }).map(({ guard }) => guard);
}

describe('a blob that no manifest names', () => {
  it.each([
    ['a minute old', hour / 60, false],
    ['just under keepWithin', hour - 1, false],
    ['keepWithin old', hour, true],
    ['from the future', -hour, false],
  ])('goes or stays by its age: %s', async (_what, age, goes) => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const blob = made.blob('loose', { age });
    const plan = await made.plan({ collector, untaggedKeepWithin });
    expect(removals(plan, 'blob')).toEqual(goes ? [at.blob(blob)] : []);
    expect(plan.totals.removed).toMatchObject(goes ? { blobs: 1, bytes: 5 } : { blobs: 0, bytes: 0 });
    expect(plan.totals.youngBlobs).toEqual(goes ? { blobs: 0, bytes: 0 } : { blobs: 1, bytes: 5 });
    expect(plan.worthwhile).toBe(goes);
    expect(staying(plan).unmarked).toEqual([]);
  });

  it('stays where the store tells no time of it', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    made.storage.touch(at.blob(made.blob('loose')), undefined);
    expect(removals(await made.plan({ collector }), 'blob')).toEqual([]);
  });

  it('stays, however old it is, while a young layer link leads to it: a push is under way', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const mounted = made.blob('mounted');
    made.storage.put(at.layer('other', mounted), mounted, policy.now - hour / 2);
    const bySha512 = made.blob('by sha512');
    const name = digestOf(Buffer.from('by sha512'), 'sha512');
    made.storage.put(at.layer('other', name), bySha512, policy.now - hour / 2);
    const plan = await made.plan({ collector, untaggedKeepWithin });
    expect([...plan.remove]).toEqual([]);
    expect(plan.totals.youngBlobs).toEqual({ blobs: 2, bytes: 16 });
    expect(plan.worthwhile).toBe(false);
    expect(staying(plan).unmarked).toEqual([]);
    // With the registry's own collector both go, and so do the links.
    const other = await made.plan({ untaggedKeepWithin });
    expect(other.totals.removed).toMatchObject({ layerLinks: 2, blobs: 2 });
  });

  it('stays where the earlier look did not let it go', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const image = made.image('app', { tags: ['v2'], layers: ['of v2'] });
    const gone = made.blob('loose');
    const first = await made.plan({ collector });
    // Deleted through the API while we looked.
    for (const key of [at.current('app', 'v2'), at.history('app', 'v2', image), at.revision('app', image)]) {
      made.storage.drop(key);
    }
    const second = await made.plan({ collector }, first);
    expect(removals(second, 'blob')).toEqual([at.blob(gone)]);
    expect(staying(second).unmarked).toEqual([]);
    expect(removals(await made.plan({}, await made.plan()), 'blob')).toContain(at.blob(digest('of v2')));
  });
});

describe('a dead layer link', () => {
  it('stays while it is young, and goes afterwards', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const young = made.layer('app', 'young', { age: hour / 2 });
    const old = made.layer('app', 'old', { age: 2 * hour });
    const plan = await made.plan({ collector, untaggedKeepWithin });
    expect(removals(plan, 'layer-link')).toEqual([at.layer('app', old)]);
    expect(removals(plan, 'blob')).toEqual([at.blob(old)]);
    expect(staying(plan).blobs).toContain(young);
    expect(plan.totals.youngBlobs.blobs).toBe(1);
  });

  it('that is young is no last one: it keeps the repository in sight by itself', async () => {
    const made = memoryRegistry();
    made.index('app', [], { tags: ['v1'] });
    made.layer('app', 'young', { age: 0 });
    const old = made.layer('app', 'old');
    const plan = await made.plan({ collector, untaggedKeepWithin });
    expect(removals(plan, 'layer-link')).toEqual([at.layer('app', old)]);
  });
});

describe('what the registry’s own collector gets wrong', () => {
  function sha512(tags: readonly string[] = ['v1']): { made: MemoryRegistry; stored: string } {
    const made = memoryRegistry();
    made.image('app', { tags: ['other'] });
    const stored = made.layer('app', 'content');
    const named = digestOf(Buffer.from('content'), 'sha512');
    made.storage.put(at.layer('app', named), stored);
    const layers = [descriptor(named, 'application/octet-stream')];
    made.image('app', { tags, layers: [], manifest: { layers } });
    return { made, stored };
  }

  it('a layer that is named by its sha512 stays, and nothing is refused', async () => {
    const { made, stored } = sha512();
    const plan = await made.plan({ collector });
    expect([...plan.remove]).toEqual([]);
    expect(plan.kept.marked[plan.kept.inventory.find(stored)]).toBe(1);
    expect(refusals(plan, 2)).toEqual([]);
    // The registry's own would sweep it, and is not allowed to.
    expect(removals(await made.plan(), 'blob')).toEqual([at.blob(stored)]);
  });

  it('and goes, with both links, when its manifest does', async () => {
    const { made, stored } = sha512([]);
    const plan = await made.plan({ collector });
    expect(removals(plan, 'blob')).toContain(at.blob(stored));
    expect(removals(plan, 'layer-link')).toHaveLength(3);
  });

  it('the blob of a foreign layer that happens to be there stays', async () => {
    const made = memoryRegistry();
    const foreign = made.blob('foreign');
    const layers = [{ ...descriptor(foreign, 'text/plain'), urls: ['https://example.org/x'] }];
    made.image('app', { tags: ['v1'], layers: [], manifest: { layers } });
    expect([...(await made.plan({ collector })).remove]).toEqual([]);
  });

  it('a schema 1 manifest keeps its layers, and nothing is refused', async () => {
    const made = memoryRegistry();
    made.schema1('old', ['v1']);
    const plan = await made.plan({ collector });
    expect([...plan.remove]).toEqual([]);
    for (const major of [2, 3]) expect(refusals(plan, major)).toEqual([]);
  });

  it('a repository without _layers is cleaned like any other', async () => {
    const made = memoryRegistry();
    const kept = made.index('bare', [], { tags: ['v1'] });
    const gone = made.index('bare', []);
    const plan = await made.plan({ collector });
    expect(removals(plan, 'revision')).toEqual([at.revision('bare', gone)]);
    expect(removals(plan, 'blob')).toEqual([at.blob(gone)]);
    expect(staying(plan).blobs).toEqual([kept]);
    for (const major of [2, 3]) expect(refusals(plan, major)).toEqual([]);
  });

  it('a sparse index keeps the manifest of its child, wherever that is, and nothing more of it', async () => {
    const made = memoryRegistry();
    const child = made.image('other', { layers: ['of the child'] });
    made.index('app', [child], { tags: ['v1'] });
    made.layer('app', 'holds _layers');
    const plan = await made.plan({ collector });
    expect(staying(plan).blobs).toContain(child);
    expect(removals(plan, 'revision')).toEqual([at.revision('other', child)]);
    expect(removals(plan, 'blob')).toContain(at.blob(digest('of the child')));
    expect(refusals(plan, 2)).toEqual([]);
  });

  it('a file in a place where the other one fails is told, and no reason to refuse', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    made.storage.put(`${at.blobs}/foo/data`, 'foo');
    const plan = await made.plan({ collector });
    expect(refusals(plan, 2)).toEqual([]);
    const { inventory } = plan.kept;
    const told = [expect.stringMatching(/^\/srv\/.*\/blobs\/foo\/data: /)];
    expect(warningsOf(inventory, (key) => `/srv/${key}`, collector)).toEqual(told);
    // With the other one it is told as what the run refuses on.
    expect(warningsOf(inventory, (key) => key)).toEqual([]);
  });
});

describe('a second plan on ids that a reading on top of the first one shares', () => {
  async function twice(
    change: (made: MemoryRegistry) => void,
  ): Promise<{ shared: Plan; apart: Plan; first: Plan }> {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    for (const name of ['app', 'zulu']) made.image(name, { layers: [`of ${name}`] });
    const before = await made.read();
    const first = makePlan(before, { ...policy, collector });
    change(made);
    const second = await readInventory(made.storage, { known: before });
    return {
      first,
      shared: makePlan(second, { ...policy, collector }, first),
      apart: await made.plan({ collector }, first),
    };
  }

  it('is the first one where nothing has changed', async () => {
    const { first, shared, apart } = await twice(() => {});
    for (const plan of [shared, apart]) {
      expect([...plan.remove]).toEqual([...first.remove]);
      expect(plan.totals).toEqual(first.totals);
      expect(plan.repositories).toEqual(first.repositories);
    }
  });

  it('is the same as on ids of its own, where repositories came and went', async () => {
    const { shared, apart } = await twice((made) => {
      made.image('aaa', { layers: ['new'] });
      made.tag('zulu', 'rescued', made.image('zulu'));
      made.storage.drop(`${at.repository('app')}/`);
    });
    const keys = (plan: Plan): string[] => Array.from(plan.remove, ({ key }) => key).sort();
    expect(keys(shared)).toEqual(keys(apart));
    // What both looks let go, although its repository has another index by now.
    expect(removals(shared, 'layer-link')).toContain(at.layer('zulu', digest('of zulu')));
    expect(shared.totals.kept).toEqual(apart.totals.kept);
  });

  it('must be made from a first one that was made here', async () => {
    const made = memoryRegistry();
    const first = await made.plan();
    const handMade = { ...first, remove: { ...first.remove } };
    await expect(made.plan({}, handMade as Plan)).rejects.toThrow(TypeError);
  });
});
