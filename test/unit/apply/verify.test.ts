import { describe, expect, it } from 'vitest';
import { lostKeys, verifyStorage } from '../../../src/apply/verify.ts';
import { at, digestOf } from '../../support/layout.ts';
import { absentDigest, type MemoryRegistry, memoryRegistry } from '../../support/memory-registry.ts';

interface Scene {
  readonly made: MemoryRegistry;
  readonly image: string;
  readonly child: string;
  readonly layer: string;
  readonly index: string;
}

function scene(): Scene {
  const made = memoryRegistry();
  const image = made.image('app', { tags: ['v1'], layers: ['layer'] });
  const child = made.image('app');
  const index = made.index('app', [child], { tags: ['multi'] });
  made.image('app', { layers: ['dead'] });
  made.image('other', { tags: ['v1'] });
  return { made, image, child, index, layer: digestOf(Buffer.from('layer')) };
}

async function lostAfter(scene: Scene, change: (scene: Scene) => void): Promise<string[]> {
  const plan = await scene.made.plan();
  change(scene);
  return lostKeys(plan, await scene.made.read());
}

describe('verification', () => {
  it('finds nothing lost where only what the plan let go is gone', async () => {
    const { made } = scene();
    const plan = await made.plan();
    expect(plan.remove.length).toBeGreaterThan(0);
    await made.storage.remove([...plan.remove].map(({ key }) => key));
    expect(lostKeys(plan, await made.read())).toEqual([]);
    expect(verifyStorage(plan, await made.read(), (key) => key)).toEqual({ manifests: 4 });
  });

  it.each<[string, (scene: Scene) => void, (scene: Scene) => string]>([
    ['a tag', ({ made }) => made.storage.drop(at.current('app', 'v1')), () => at.current('app', 'v1')],
    ['what a tag named', ({ made, child }) => made.tag('app', 'v1', child), () => at.current('app', 'v1')],
    [
      'the revision of a tagged manifest',
      ({ made, image }) => made.storage.drop(at.revision('app', image)),
      ({ image }) => at.revision('app', image),
    ],
    [
      'the revision of a child',
      ({ made, child }) => made.storage.drop(at.revision('app', child)),
      ({ child }) => at.revision('app', child),
    ],
    [
      'the content of a manifest',
      ({ made, index }) => made.storage.drop(at.blob(index)),
      ({ index }) => at.blob(index),
    ],
    ['a layer', ({ made, layer }) => made.storage.drop(at.blob(layer)), ({ layer }) => at.blob(layer)],
    [
      'some bytes of a layer',
      ({ made, layer }) => made.storage.put(at.blob(layer), 'laye'),
      ({ layer }) => at.blob(layer),
    ],
    [
      'the link of a layer',
      ({ made, layer }) => made.storage.drop(at.layer('app', layer)),
      ({ layer }) => at.layer('app', layer),
    ],
  ])('finds lost: %s', async (_what, change, key) => {
    const made = scene();
    expect(await lostAfter(made, change)).toEqual([key(made)]);
  });

  it('finds one of several tags lost, and no other, whichever it is', async () => {
    const tags = ['a', 'b', 'c'];
    for (const gone of tags) {
      const made = scene();
      for (const tag of tags) made.made.image('app', { tags: [tag] });
      expect(await lostAfter(made, ({ made: { storage } }) => storage.drop(at.current('app', gone)))).toEqual(
        [at.current('app', gone)],
      );
    }
  });

  it('finds lost the content of a child that its repository does not have', async () => {
    const { made, child } = scene();
    made.revision('elsewhere', child);
    made.storage.drop(at.revision('app', child));
    const plan = await made.plan({ protect: new Set() });
    made.storage.drop(at.blob(child));
    expect(lostKeys(plan, await made.read())).toContain(at.blob(child));
  });

  it('finds a whole repository lost', async () => {
    const lost = await lostAfter(scene(), ({ made }) => made.storage.drop(at.repository('other')));
    expect(lost).toContain(at.current('other', 'v1'));
    expect(lost.filter((key) => key.includes('/_layers/'))).toHaveLength(2);
    expect(lost.every((key) => key.startsWith(`${at.repository('other')}/`))).toBe(true);
  });

  it('does not count as lost what was missing before', async () => {
    const made = scene();
    made.made.storage.drop(at.blob(made.layer));
    const gone = made.made.image('app', { tags: ['v2'] });
    made.made.storage.drop(at.blob(gone));
    made.made.index('app', [absentDigest('child')], { tags: ['sparse'] });
    expect(await lostAfter(made, () => {})).toEqual([]);
  });

  it('has nothing against what came since', async () => {
    const lost = await lostAfter(scene(), ({ made }) => {
      made.image('app', { tags: ['v9'] });
      made.image('new', { tags: ['v1'] });
    });
    expect(lost).toEqual([]);
  });

  it('tells all that is lost, as a person finds it, with an exit code of its own', async () => {
    const { made, image, layer } = scene();
    const plan = await made.plan();
    made.storage.drop(at.blob(layer));
    made.storage.drop(at.revision('app', image));
    const after = await made.read();
    const verify = () => verifyStorage(plan, after, (key) => `/data/${key}`);
    expect(verify).toThrow(
      expect.objectContaining({
        code: 'VERIFY_FAILED',
        exitCode: 21,
        details: [`/data/${at.revision('app', image)}`, `/data/${at.blob(layer)}`],
      }),
    );
  });
});
