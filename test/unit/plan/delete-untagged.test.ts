import { describe, expect, it } from 'vitest';
import { decideDeleteUntagged } from '../../../src/plan/delete-untagged.ts';
import type { Policy } from '../../../src/plan/plan.ts';
import { at } from '../../support/layout.ts';
import { hour, type MemoryRegistry, memoryRegistry } from '../../support/memory-registry.ts';

async function decide(made: MemoryRegistry, wish: 'auto' | boolean = 'auto', policy: Partial<Policy> = {}) {
  return decideDeleteUntagged(await made.plan(policy), wish);
}

function tagged(): MemoryRegistry {
  const made = memoryRegistry();
  made.image('app', { tags: ['v1'] });
  made.image('app');
  return made;
}

describe('--delete-untagged', () => {
  it('is passed where everything that stays is tagged', async () => {
    const said = { value: true, because: 'every manifest that stays is tagged', refused: false };
    expect(await decide(tagged())).toEqual(said);
    expect(await decide(tagged(), true)).toEqual(said);
  });

  it('is not passed where it is not wanted', async () => {
    expect(await decide(tagged(), false)).toMatchObject({ value: false, refused: false });
  });

  it.each([
    [
      'a child',
      (made: MemoryRegistry) => void made.index('app', [made.image('app')], { tags: ['multi'] }),
      1,
    ],
    [
      'a referrer',
      (made: MemoryRegistry) => void made.image('app', { subject: made.image('app', { tags: ['signed'] }) }),
      1,
    ],
    ['a young one', (made: MemoryRegistry) => void made.image('app', { age: 0 }), 1],
    ['one that nobody can read', (made: MemoryRegistry) => void made.manifest('app', 'no manifest'), 1],
    [
      'one that is tagged elsewhere',
      (made: MemoryRegistry) => {
        made.image('more', { tags: ['v1'] });
        made.revision('more', made.image('app', { tags: ['v2'] }), { age: 0 });
      },
      1,
    ],
  ])('is not passed where an untagged manifest stays: %s', async (_what, add, count) => {
    const made = tagged();
    add(made);
    const policy = { untaggedKeepWithin: hour };
    const because = expect.stringContaining(`${count} untagged manifest`);
    expect(await decide(made, 'auto', policy)).toEqual({ value: false, because, refused: false });
    expect(await decide(made, true, policy)).toEqual({ value: false, because, refused: true });
  });

  it('is not passed where a protected manifest stays', async () => {
    const made = tagged();
    const image = made.image('app');
    expect(await decide(made, 'auto', { protect: new Set([image]) })).toMatchObject({ value: false });
  });

  it('is not passed where a repository has no tags directory, on which the collector of 2.x fails', async () => {
    const made = tagged();
    made.layer('pushing', 'of a push that broke off');
    const because = expect.stringContaining('pushing');
    expect(await decide(made)).toEqual({ value: false, because, refused: false });
    made.storage.mkdir(`${at.repository('pushing')}/_manifests/tags/`);
    expect(await decide(made)).toMatchObject({ value: true });
  });

  it('is not passed where the collector would look up too many pairs of manifest and tag', async () => {
    const made = memoryRegistry();
    const fill = (from: number, to: number): void => {
      for (let n = from; n < to; n++) made.image('app', { tags: [`v${n}`], layers: [] });
    };
    fill(0, 223);
    expect(await decide(made)).toMatchObject({ value: true });
    fill(223, 224);
    expect(await decide(made)).toMatchObject({
      value: false,
      because: expect.stringContaining('50176 pairs'),
    });
  });
});
