import { describe, expect, it } from 'vitest';
import { at } from '../../support/layout.ts';
import { hour, type MemoryRegistry, memoryRegistry, removals } from '../../support/memory-registry.ts';

const id = '0e8a5c6e-6c63-4b0c-9a11-5f3f9b1c2d3e';
const upload = `${at.upload('app', id)}/`;

describe('an upload', () => {
  it.each([
    ['older than uploads.keepWithin', 169 * hour, true],
    ['just as old', 168 * hour, true],
    ['younger', 167 * hour, false],
    ['of the future', -hour, false],
  ])('goes or stays by its age: %s', async (_what, age, goes) => {
    const made = memoryRegistry();
    made.upload('app', id, { age, data: 'some' });
    const plan = await made.plan();
    expect(removals(plan, 'upload')).toEqual(goes ? [upload] : []);
    expect([...plan.remove].map(({ bytes }) => bytes)).toEqual(goes ? [4] : []);
    expect(plan.totals.removed.uploads).toBe(goes ? 1 : 0);
  });

  it('stays where one of its files is young', async () => {
    const made = memoryRegistry();
    made.upload('app', id);
    made.storage.put(`${at.upload('app', id)}/hashstates/sha256/4`, 'state', Date.UTC(2026, 0, 15, 11));
    expect(removals(await made.plan(), 'upload')).toEqual([]);
  });

  it.each([
    ['startedat tells none', (made: MemoryRegistry) => made.storage.put(`${upload}startedat`, 'once')],
    ['the store tells none', (made: MemoryRegistry) => made.storage.touch(`${upload}data`, undefined)],
  ])('stays where nobody knows its age: %s', async (_what, spoil) => {
    const made = memoryRegistry();
    made.upload('app', id);
    expect(removals(await made.plan(), 'upload')).toEqual([upload]);
    spoil(made);
    expect(removals(await made.plan(), 'upload')).toEqual([]);
  });

  it('is not worth closing the registry for', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    made.upload('app', id);
    expect((await made.plan()).worthwhile).toBe(false);
  });

  it('stays where an earlier plan let it be', async () => {
    const made = memoryRegistry();
    made.upload('app', id, { age: 0 });
    const first = await made.plan();
    made.upload('app', id);
    expect(removals(await made.plan({}, first), 'upload')).toEqual([]);
  });
});

describe('a repository that holds nothing', () => {
  const repository = `${at.repository('app')}/`;
  const removeEmptyRepositories = true;

  function hollow(): MemoryRegistry {
    const made = memoryRegistry();
    made.image('app/nested', { tags: ['v1'] });
    for (const name of ['_layers', '_manifests/tags', '_manifests/revisions']) {
      made.storage.mkdir(`${repository}${name}/`);
    }
    return made;
  }

  it('goes if that is asked for, and is worth it; what is nested in it stays', async () => {
    const plan = await hollow().plan({ removeEmptyRepositories });
    expect(removals(plan, 'repository')).toEqual([repository]);
    expect(plan).toMatchObject({ worthwhile: true, totals: { removed: { repositories: 1 } } });
  });

  it('stays otherwise', async () => {
    const plan = await hollow().plan();
    expect(removals(plan, 'repository')).toEqual([]);
    expect(plan).toMatchObject({ worthwhile: false, totals: { removed: { repositories: 0 } } });
  });

  it('is one from which all goes in the same run', async () => {
    const made = hollow();
    made.image('app');
    made.layer('app', 'dead');
    made.upload('app', id);
    expect(removals(await made.plan({ removeEmptyRepositories }), 'repository')).toEqual([repository]);
  });

  it.each([
    ['a tag', (made: MemoryRegistry) => made.image('app', { tags: ['v1'] })],
    ['a young manifest', (made: MemoryRegistry) => made.image('app', { age: 0 })],
    ['a layer of a push that goes on', (made: MemoryRegistry) => made.layer('app', 'new', { age: 0 })],
    ['an upload of a push that goes on', (made: MemoryRegistry) => made.upload('app', id, { age: 0 })],
  ])('is none that has %s', async (_what, add) => {
    const made = hollow();
    add(made);
    const plan = await made.plan({ removeEmptyRepositories, untaggedKeepWithin: hour });
    expect(removals(plan, 'repository')).toEqual([]);
  });

  it('stays where an earlier plan let it be', async () => {
    const made = hollow();
    const image = made.image('app', { tags: ['v1'] });
    const first = await made.plan({ removeEmptyRepositories });
    made.storage.drop(at.tag('app', 'v1'));
    made.storage.drop(at.revision('app', image));
    expect(removals(await made.plan({ removeEmptyRepositories }, first), 'repository')).toEqual([]);
  });
});

describe('a repository of uploads alone', () => {
  it('is counted with what goes when its last upload does, whoever wants empty ones removed', async () => {
    const made = memoryRegistry();
    made.upload('app', id);
    made.upload('young', id);
    made.upload('young', id.replace('0', '1'), { age: 0 });
    made.storage.mkdir(`${at.repository('bare')}/_uploads/`);
    made.upload('used', id);
    made.storage.mkdir(`${at.repository('used')}/_layers/`);
    for (const removeEmptyRepositories of [false, true]) {
      const plan = await made.plan({ removeEmptyRepositories });
      expect(plan.totals.removed.repositories).toBe(removeEmptyRepositories ? 3 : 2);
    }
  });
});
