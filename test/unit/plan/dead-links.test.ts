import { describe, expect, it } from 'vitest';
import { at, digestOf } from '../../support/layout.ts';
import { absentDigest, descriptor, hour, memoryRegistry, removals } from '../../support/memory-registry.ts';

function digest(content: string): string {
  return digestOf(Buffer.from(content));
}

describe('a layer link', () => {
  it('goes where no manifest that stays in its repository names it', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'], layers: ['shared', 'kept'] });
    made.image('app', { layers: ['shared', 'gone'] });
    made.image('other', { tags: ['v1'], layers: ['gone'] });
    made.layer('other', 'kept');
    const plan = await made.plan();
    const links = removals(plan, 'layer-link');
    expect(links).toContain(at.layer('app', digest('gone')));
    expect(links).toContain(at.layer('other', digest('kept')));
    for (const stays of [
      at.layer('app', digest('shared')),
      at.layer('app', digest('kept')),
      at.layer('other', digest('gone')),
    ]) {
      expect(links).not.toContain(stays);
    }
    // The other repository needs it.
    expect(removals(plan, 'blob')).not.toContain(at.blob(digest('gone')));
  });

  it('stays where a manifest names what it leads to, or leads to it by its sha512', async () => {
    const made = memoryRegistry();
    const stored = made.layer('app', 'content');
    const named = digestOf(Buffer.from('content'), 'sha512');
    made.storage.put(at.layer('app', named), stored);
    made.image('app', { tags: ['v1'], layers: [], manifest: { layers: [descriptor(named, 'text/plain')] } });
    made.layer('app', 'dead');
    expect(removals(await made.plan(), 'layer-link')).toEqual([at.layer('app', digest('dead'))]);
  });

  it('by sha512 goes with the manifest that named it', async () => {
    const made = memoryRegistry();
    const stored = made.layer('app', 'content');
    const named = digestOf(Buffer.from('content'), 'sha512');
    made.storage.put(at.layer('app', named), stored);
    made.image('app', { tags: ['v1'], layers: ['content'] });
    // The manifest names the sha256; what the other link holds is alive as well.
    expect(removals(await made.plan(), 'layer-link')).toEqual([]);
    made.storage.drop(at.tag('app', 'v1'));
    expect(removals(await made.plan(), 'layer-link')).toContain(at.layer('app', named));
  });

  it('stays where it is a foreign layer’s, or a layer’s of a BuildKit cache', async () => {
    const made = memoryRegistry();
    const foreign = made.layer('app', 'foreign');
    const urls = ['https://example.org/x'];
    made.image('app', {
      tags: ['v1'],
      layers: [],
      manifest: { layers: [{ ...descriptor(foreign, 'text/plain'), urls }] },
    });
    made.index('app', [made.layer('app', 'cached')], { tags: ['cache'] });
    expect(removals(await made.plan(), 'layer-link')).toEqual([]);
  });

  it('stays where it is the last one of a repository that keeps manifests', async () => {
    const made = memoryRegistry();
    made.index('app', [], { tags: ['v1'] });
    const links = ['one', 'two', 'three'].map((content) => at.layer('app', made.layer('app', content)));
    const plan = await made.plan();
    const gone = removals(plan, 'layer-link');
    expect(gone).toHaveLength(2);
    expect(links).toEqual(expect.arrayContaining(gone));
    // Their blobs go all the same.
    expect(removals(plan, 'blob')).toHaveLength(3);
  });

  it('goes, the last one too, where the collector would take it anyway', async () => {
    const made = memoryRegistry();
    made.index('app', [], { tags: ['v1'] });
    for (const content of ['one', 'two', 'three']) made.layer('app', content);
    const plan = await made.plan({ collectorTakesLinks: true });
    expect(removals(plan, 'layer-link')).toHaveLength(3);
  });

  it('of whose repository the last one stays, counts what its blob frees all the same, in a second plan, too', async () => {
    const made = memoryRegistry();
    made.index('app', [], { tags: ['v1'] });
    for (const content of ['1', '22', '333']) made.layer('app', content);
    const first = await made.plan();
    for (const plan of [first, await made.plan({}, first)]) {
      expect(plan.repositories).toMatchObject([{ name: 'app', layerLinksRemoved: 2, bytesFreed: 6 }]);
    }
  });

  it('goes, the last one too, where no manifest stays', async () => {
    const made = memoryRegistry();
    made.layer('app', 'of a push that broke off');
    made.image('gone');
    expect(removals(await made.plan(), 'layer-link')).toHaveLength(3);
  });

  it('goes where its blob is gone', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const lost = absentDigest('x');
    made.storage.put(at.layer('app', lost), lost);
    expect(removals(await made.plan(), 'layer-link')).toEqual([at.layer('app', lost)]);
  });

  it('stays where an earlier plan let it be', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    made.layer('app', 'dead');
    const first = await made.plan();
    made.layer('app', 'pushed since');
    expect(removals(await made.plan({}, first), 'layer-link')).toEqual([at.layer('app', digest('dead'))]);
  });
});

describe('dead links alone', () => {
  it('are worth closing the registry for, unless all are young', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    expect((await made.plan({ untaggedKeepWithin: hour })).worthwhile).toBe(false);
    made.layer('app', 'dead', { age: hour / 2 });
    expect((await made.plan({ untaggedKeepWithin: hour })).worthwhile).toBe(false);
    made.layer('app', 'dead, too', { age: hour });
    expect((await made.plan({ untaggedKeepWithin: hour })).worthwhile).toBe(true);
  });

  it('are, and so is a blob that nobody names, unless it is young', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    made.blob('young', { age: hour / 2 });
    const young = await made.plan({ untaggedKeepWithin: hour });
    expect([young.worthwhile, young.totals.youngBlobs]).toEqual([false, { blobs: 1, bytes: 5 }]);
    made.blob('old enough');
    const old = await made.plan({ untaggedKeepWithin: hour });
    expect([old.worthwhile, old.totals.removed]).toMatchObject([true, { blobs: 2, bytes: 15 }]);
  });
});
