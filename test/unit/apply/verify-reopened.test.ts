import { describe, expect, it } from 'vitest';
import { verifyReopened } from '../../../src/apply/verify-reopened.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { at, digestOf } from '../../support/layout.ts';
import { type MemoryRegistry, memoryRegistry } from '../../support/memory-registry.ts';

interface Scene {
  readonly made: MemoryRegistry;
  readonly image: string;
  readonly child: string;
  readonly index: string;
  readonly layer: string;
  readonly plan: Plan;
}

async function scene(): Promise<Scene> {
  const made = memoryRegistry();
  const image = made.image('app', { tags: ['v1'], layers: ['layer'] });
  const child = made.image('app', { layers: ['of the child'] });
  const index = made.index('app', [child], { tags: ['multi'] });
  made.image('app', { layers: ['dead'] });
  made.image('other', { tags: ['v1'] });
  const plan = await made.plan({ collector: 'native' });
  await made.storage.remove([...plan.remove].map(({ key }) => key));
  return { made, image, child, index, layer: digestOf(Buffer.from('layer')), plan };
}

/** What is told as lost after `change`. */
async function lostAfter(change: (scene: Scene) => void): Promise<{ lost: readonly string[]; scene: Scene }> {
  const made = await scene();
  change(made);
  try {
    verifyReopened(made.plan, await made.made.read(), (key) => `/data/${key}`);
    return { lost: [], scene: made };
  } catch (error) {
    expect(error).toMatchObject({ code: 'VERIFY_FAILED', exitCode: 21 });
    return { lost: (error as { details: string[] }).details, scene: made };
  }
}

const drop =
  (key: (scene: Scene) => string) =>
  (made: Scene): void =>
    made.made.storage.drop(key(made));

describe('with the registry open again', () => {
  it('all that stays is there', async () => {
    const { made, plan } = await scene();
    expect(verifyReopened(plan, await made.read(), (key) => key)).toEqual({ manifests: 4 });
  });

  it.each<[string, (scene: Scene) => string]>([
    ['the content of a manifest', ({ image }) => at.blob(image)],
    ['the content of a child', ({ child }) => at.blob(child)],
    ['a layer', ({ layer }) => at.blob(layer)],
    ['the link of a layer', ({ layer }) => at.layer('app', layer)],
    ['the revision of a manifest whose tag is there', ({ image }) => at.revision('app', image)],
    ['the revision of a child whose index is tagged', ({ child }) => at.revision('app', child)],
    ['a whole repository', () => `${at.repository('other')}/`],
  ])('is lost, and told with its path: %s', async (_what, key) => {
    const { lost, scene: made } = await lostAfter(drop(key));
    expect(lost).toEqual([`/data/${key(made)}`]);
  });

  it('a layer with fewer bytes is lost', async () => {
    const { lost, scene: made } = await lostAfter(({ made: { storage }, layer }) =>
      storage.put(at.blob(layer), 'laye'),
    );
    expect(lost).toEqual([`/data/${at.blob(made.layer)}`]);
  });

  it('users may push, push a tag again, delete a tag', async () => {
    const { lost } = await lostAfter(({ made }) => {
      made.image('app', { tags: ['v9'] });
      made.image('fresh', { tags: ['v1'] });
      made.image('app', { tags: ['v1'] });
      made.storage.drop(`${at.repository('other')}/_manifests/tags/v1/`);
    });
    expect(lost).toEqual([]);
  });

  it('users may delete a manifest with its tags, as the API does, and an index before its child', async () => {
    const { lost } = await lostAfter(({ made, image, index, child }) => {
      for (const [tag, digest] of [
        ['v1', image],
        ['multi', index],
      ] as const) {
        made.storage.drop(at.revision('app', digest));
        made.storage.drop(`${at.repository('app')}/_manifests/tags/${tag}/`);
      }
      made.storage.drop(at.revision('app', child));
    });
    expect(lost).toEqual([]);
  });

  it('what users delete is no excuse for a blob: they remove none', async () => {
    const { lost, scene: made } = await lostAfter(({ made: { storage }, image, layer }) => {
      storage.drop(at.revision('app', image));
      storage.drop(`${at.repository('app')}/_manifests/tags/v1/`);
      storage.drop(at.layer('app', layer));
      storage.drop(at.blob(layer));
    });
    expect(lost).toEqual([`/data/${at.blob(made.layer)}`]);
  });

  it('what was missing before is not lost', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'], layers: ['layer', 'gone'] });
    made.storage.drop(at.blob(digestOf(Buffer.from('gone'))));
    made.storage.drop(at.layer('app', digestOf(Buffer.from('layer'))));
    made.storage.drop(at.revision('app', image));
    const plan = await made.plan();
    verifyReopened(plan, await made.read(), (key) => key);
  });
});
