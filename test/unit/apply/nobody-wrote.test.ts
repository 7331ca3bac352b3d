import { describe, expect, it } from 'vitest';
import {
  nobodyWroteBefore,
  nobodyWroteSince,
  verifyClosed,
  verifyOpened,
} from '../../../src/apply/nobody-wrote.ts';
import type { Inventory } from '../../../src/inventory/inventory.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { at } from '../../support/layout.ts';
import { type MemoryRegistry, memoryRegistry, now } from '../../support/memory-registry.ts';

const since = now;
const { signal } = new AbortController();

interface Scene {
  readonly made: MemoryRegistry;
  /** Goes by the plan. */
  readonly doomed: string;
  readonly image: string;
  readonly plan: Plan;
}

async function scene(): Promise<Scene> {
  const made = memoryRegistry();
  const doomed = made.image('app', { layers: ['doomed'] });
  const image = made.image('app', { tags: ['v1'], layers: ['kept'] });
  made.image('other', { tags: ['v1'] });
  return { made, doomed, image, plan: await made.plan() };
}

/** Removes what the plan lets go, with the blobs, as apply and the collector do. */
async function clean({ made, plan }: Scene): Promise<void> {
  for (const { key } of plan.remove) made.storage.drop(key);
  plan.kept.inventory.eachBlob((id) => {
    if (plan.kept.marked[id] !== 1) made.storage.drop(at.blob(plan.kept.inventory.digest(id)));
  });
}

/** What a verification of everything says, and whom it tells to have written beside a loss. */
async function outcome(
  made: MemoryRegistry,
  verify: (after: Inventory, onLate: (text: string) => void) => object,
): Promise<{ error?: unknown; told: string[] }> {
  const told: string[] = [];
  const after = await made.read();
  try {
    return { ...verify(after, (text) => void told.push(text)), told };
  } catch (error) {
    return { error, told };
  }
}

function verified({ made, plan }: Scene) {
  return outcome(made, (after, onLate) => verifyClosed(plan, after, made.storage, { since, onLate }));
}

describe('the look behind the fence', () => {
  it('tells what was written after every writer was gone', async () => {
    const { made, image } = await scene();
    const first = await made.read();
    made.tag('app', 'before', image, { age: 1 });
    nobodyWroteBefore(first, await made.read(), since, made.storage);
    made.tag('app', 'after', image, { age: -1 });
    const second = await made.read();
    expect(() => nobodyWroteBefore(first, second, since, made.storage)).toThrow(
      expect.objectContaining({
        code: 'FENCE_FAILED',
        message: expect.stringContaining(made.storage.locate(at.current('app', 'after'))),
      }),
    );
  });
});

describe('the look before the collector', () => {
  it('has nothing against what we removed', async () => {
    const made = await scene();
    for (const { key } of made.plan.remove) made.made.storage.drop(key);
    await nobodyWroteSince(made.plan, made.made.storage, { since, signal });
  });

  it('tells what came since', async () => {
    const { plan, made, doomed } = await scene();
    made.tag('app', 'rescued', doomed, { age: 5 });
    await expect(nobodyWroteSince(plan, made.storage, { since, signal })).rejects.toMatchObject({
      code: 'FENCE_FAILED',
      message: expect.stringContaining(at.current('app', 'rescued')),
    });
  });

  it.each([
    ['a tag', () => at.current('app', 'v1')],
    ['a revision', ({ image }: Scene) => at.revision('app', image)],
  ])('tells %s that is gone, before its blobs are', async (_what, key) => {
    const made = await scene();
    made.made.storage.drop(key(made));
    await expect(nobodyWroteSince(made.plan, made.made.storage, { since, signal })).rejects.toMatchObject({
      code: 'VERIFY_FAILED',
      details: [made.made.storage.locate(key(made))],
    });
  });

  it('looks at the repositories that it is told, and at no others', async () => {
    const { plan, made, image } = await scene();
    made.tag('other', 'late', image, { age: -1 });
    await nobodyWroteSince(plan, made.storage, { since, signal, only: new Set(['app']) });
    await expect(
      nobodyWroteSince(plan, made.storage, { since, signal, only: new Set(['other']) }),
    ).rejects.toMatchObject({ code: 'FENCE_FAILED' });
    made.storage.drop(at.current('app', 'v1'));
    await expect(
      nobodyWroteSince(plan, made.storage, { since, signal, only: new Set(['app']) }),
    ).rejects.toMatchObject({ code: 'VERIFY_FAILED' });
  });

  it('does not read layer links and blobs again', async () => {
    const { plan, made } = await scene();
    const asked: string[] = [];
    const reader = {
      ...made.storage,
      read: (key: string) => {
        asked.push(key);
        return made.storage.read(key);
      },
    };
    await nobodyWroteSince(plan, reader, { since, signal });
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((key) => !key.includes('/_manifests/'))).toEqual([]);
  });
});

describe('verification, where somebody wrote behind the fence', () => {
  it('is content where nobody did', async () => {
    const made = await scene();
    await clean(made);
    expect(await verified(made)).toEqual({ manifests: 2, told: [] });
  });

  it.each<[string, (scene: Scene) => void, string]>([
    ['a tag', ({ made, image }) => made.tag('app', 'v2', image, { age: -1 }), at.current('app', 'v2')],
    [
      'a tag moved to what stays',
      ({ made }) => made.storage.put(at.current('app', 'v1'), made.image('app'), now + 1),
      at.current('app', 'v1'),
    ],
    ['an upload', ({ made }) => made.upload('app', 'late', { age: -1 }), `${at.upload('app', 'late')}/`],
    [
      'a layer',
      ({ made }) => void made.layer('app', 'late', { age: -1 }),
      `${at.repository('app')}/_layers/`,
    ],
    ['a blob', ({ made }) => void made.blob('late', { age: -1 }), at.blobs],
  ])('%s is told with exit 5: nothing is lost', async (_what, write, key) => {
    const made = await scene();
    await clean(made);
    write(made);
    expect(await verified(made)).toMatchObject({
      error: {
        code: 'FENCE_FAILED',
        message: expect.stringContaining(key),
        hint: expect.stringContaining('Nothing that was there before is lost'),
      },
      told: [],
    });
  });

  it('a loss is told before that, and who wrote as well', async () => {
    const made = await scene();
    await clean(made);
    made.made.tag('app', 'v2', made.image, { age: -1 });
    made.made.storage.drop(at.blob(made.image));
    const { error, told } = await verified(made);
    expect(error).toMatchObject({ code: 'VERIFY_FAILED', exitCode: 21 });
    expect(told).toEqual([expect.stringContaining(at.current('app', 'v2'))]);
  });

  it('a tag on what was let go, and is swept by now, is a loss', async () => {
    const made = await scene();
    const key = at.current('app', 'rescued');
    made.made.tag('app', 'rescued', made.doomed, { age: -1 });
    await clean(made);
    const { error, told } = await verified(made);
    expect(error).toMatchObject({ code: 'VERIFY_FAILED', details: [made.made.storage.locate(key)] });
    expect(told.join()).toContain(key);
  });

  it('a tag on an index of which a child is swept by now is one, too', async () => {
    const made = await scene();
    await clean(made);
    made.made.index('app', [made.doomed], { tags: ['rescued'], age: -1 });
    made.made.storage.touch(at.current('app', 'rescued'), now + 1);
    expect((await verified(made)).error).toMatchObject({ code: 'VERIFY_FAILED' });
  });
});

describe('verification, once the registry is open again', () => {
  const until = now + 1_000;

  function opened({ made, plan }: Scene, line: { since?: number; until?: number } = { since, until }) {
    const { since, until } = line;
    return outcome(made, (after, onLate) =>
      verifyOpened(plan, after, made.storage, { since, until, onLate }),
    );
  }

  const writes: [string, (scene: Scene, age: number) => void, string][] = [
    ['a tag', ({ made, image }, age) => made.tag('app', 'v2', image, { age }), at.current('app', 'v2')],
    ['an upload', ({ made }, age) => made.upload('app', 'late', { age }), `${at.upload('app', 'late')}/`],
    [
      'a layer link',
      ({ made }, age) => void made.layer('app', 'late', { age }),
      `${at.repository('app')}/_layers/`,
    ],
    ['a blob', ({ made }, age) => void made.blob('late', { age }), at.blobs],
  ];

  it.each(writes)(
    '%s that was written while it was closed is told with exit 5',
    async (_what, write, key) => {
      const made = await scene();
      await clean(made);
      write(made, -1_000);
      expect(await opened(made)).toMatchObject({
        error: { code: 'FENCE_FAILED', exitCode: 5, message: expect.stringContaining(key) },
        told: [],
      });
    },
  );

  it.each(writes)('%s that was written before or after is not', async (_what, write) => {
    for (const age of [0, -1_001]) {
      const made = await scene();
      await clean(made);
      write(made, age);
      expect(await opened(made)).toEqual({ manifests: 2, told: [] });
    }
  });

  it.each(writes)('%s is not, where nobody can tell times', async (_what, write) => {
    const made = await scene();
    await clean(made);
    write(made, -500);
    expect(await opened(made, { since: undefined, until: undefined })).toEqual({ manifests: 2, told: [] });
  });

  it('a tag that was written while it was closed, on what is swept by now, is a loss', async () => {
    const made = await scene();
    const key = at.current('other', 'rescued');
    made.made.tag('other', 'rescued', made.doomed, { age: -1 });
    await clean(made);
    const { error, told } = await opened(made);
    expect(error).toMatchObject({ code: 'VERIFY_FAILED', details: [made.made.storage.locate(key)] });
    expect(told.join()).toContain(key);
  });
});
