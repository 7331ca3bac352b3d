import { describe, expect, it } from 'vitest';
import { type ApplyOptions, applyPlan, type Left } from '../../../src/apply/apply.ts';
import { problem } from '../../../src/errors.ts';
import type { Plan, Removal } from '../../../src/plan/plan.ts';
import { removalsOf } from '../../../src/plan/removals.ts';
import { placeOf } from '../../../src/registry/layout.ts';
import { parentOf } from '../../../src/storage/key.ts';
import type { MemoryStorage } from '../../../src/storage/memory.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { faultyStorage } from '../../support/faulty-storage.ts';
import { heldLock } from '../../support/held.ts';
import { at } from '../../support/layout.ts';
import { memoryRegistry, removals } from '../../support/memory-registry.ts';

const { signal } = new AbortController();

/** Two repositories, in each of which a tag has moved on from an image that nobody needs any more. */
async function superseded(): Promise<{ storage: MemoryStorage; plan: Plan }> {
  const made = memoryRegistry();
  for (const repository of ['one', 'two']) {
    const old = made.image(repository);
    made.image(repository, { tags: ['v1'] });
    made.storage.put(at.history(repository, 'v1', old), old);
  }
  return { storage: made.storage, plan: await made.plan() };
}

/** `storage`, and the keys of every call of its `remove`. */
function recorded(storage: Storage): Storage & { readonly calls: readonly (readonly string[])[] } {
  const calls: (readonly string[])[] = [];
  return {
    ...storage,
    calls,
    remove(keys, before, tell) {
      calls.push(keys);
      return storage.remove(keys, before, tell);
    },
  };
}

/** A plan that lets so many tags' `current/link` go, one to a repository. */
async function large(count: number): Promise<{ storage: MemoryStorage; plan: Plan }> {
  const made = memoryRegistry();
  const remove = Array.from({ length: count }, (_, number): Removal => {
    const repository = `r${number}`;
    made.storage.put(at.current(repository, 'v1'), 'link');
    return { kind: 'tag', key: at.current(repository, 'v1'), bytes: 0, because: 'test', repository };
  });
  return { storage: made.storage, plan: { ...(await made.plan()), remove: removalsOf(remove) } };
}

function apply(storage: Storage, plan: Plan, options: Partial<ApplyOptions> = {}) {
  return applyPlan(storage, plan, heldLock(), { signal, ...options });
}

describe('applyPlan', () => {
  it('removes tags, then tag history, then revisions, then layer links, in whatever order the plan has them', async () => {
    const { storage, plan } = await superseded();
    const tag = at.current('one', 'v1');
    const remove: Removal[] = [
      ...[...plan.remove].toReversed(),
      { kind: 'tag', key: tag, bytes: 0, because: 'retention', repository: 'one' },
    ];
    const watched = recorded(storage);
    const { removed, left } = await apply(watched, { ...plan, remove: removalsOf(remove) });
    expect(watched.calls.flat().map((key) => placeOf(key).kind)).toEqual([
      'tag',
      'tag-history',
      'tag-history',
      'revision',
      'revision',
      ...Array.from({ length: 4 }, () => 'layer-link'),
    ]);
    expect(removed).toMatchObject({ tag: 1, 'tag-history': 2, revision: 2, 'layer-link': 4 });
    expect(left).toEqual([]);
  });

  it('leaves blobs to the collector, and uploads and repositories to be tidied', async () => {
    const made = memoryRegistry();
    made.image('one', { tags: ['v1'] });
    made.image('two');
    made.upload('one', 'abc');
    const plan = await made.plan({ removeEmptyRepositories: true });
    for (const kind of ['blob', 'upload', 'repository'] as const)
      expect(removals(plan, kind)).not.toEqual([]);
    const { removed } = await apply(made.storage, plan);
    expect(removed).toMatchObject({ blob: 0, upload: 0, repository: 0 });
    for (const key of [...removals(plan, 'blob'), `${at.upload('one', 'abc')}/data`]) {
      expect(await made.storage.stat(key)).toBeDefined();
    }
    expect(made.storage.keys()).toContain(`${at.repository('two')}/_layers/`);
  });

  it.each([
    ['tag history', 'tag-history', ['revision', 'layer-link']],
    ['a revision', 'revision', ['layer-link']],
  ] as const)(
    'leaves what depends on %s that could not be removed, in its repository alone',
    async (_what, kind, later) => {
      const { storage, plan } = await superseded();
      const stuck = [...plan.remove].find((removal) => removal.kind === kind && removal.repository === 'one');
      const key = new RegExp(stuck?.key ?? 'none');
      const faulty = recorded(faultyStorage(storage, { method: 'remove', nth: 1, errno: 'EACCES', key }));
      const { removed, left } = await apply(faulty, plan);

      const spared = [...plan.remove].filter(
        (removal) => removal.repository === 'one' && later.some((one) => one === removal.kind),
      );
      expect(spared.length).toBeGreaterThan(0);
      expect(left).toEqual([
        { key: stuck?.key, reason: 'EACCES' },
        ...spared.map((removal) => ({
          key: removal.key,
          reason: 'left, since a reference before it could not be removed',
        })),
      ]);
      for (const removal of spared) {
        expect(faulty.calls.flat()).not.toContain(removal.key);
        expect(await storage.stat(removal.key)).toBeDefined();
      }
      for (const removal of [...plan.remove].filter(({ repository }) => repository === 'two')) {
        expect(await storage.stat(removal.key)).toBeUndefined();
      }
      expect(removed.revision).toBe(1);
      expect(removed['layer-link']).toBe(2);
    },
  );

  it('tells what stays at once, and counts what went, of a batch that it does not end', async () => {
    const { storage, plan } = await large(1_100);
    const keys = removals(plan, 'tag');
    const stuck = keys[3] ?? '';
    const fault = { method: 'remove', nth: 1, errno: 'EIO', key: new RegExp(`${stuck}$`) } as const;
    const told: Left[] = [];
    let count = 0;
    const controller = new AbortController();
    const watched: Storage = {
      ...storage,
      remove: (batch, before, tell) =>
        storage.remove(batch, before, (answer) => {
          if (answer.key === keys[700]) controller.abort(new Error('Ctrl-C'));
          tell?.(answer);
        }),
    };
    const applying = apply(faultyStorage(watched, fault), plan, {
      signal: controller.signal,
      onLeft: (left) => told.push(left),
      onRemoved: ({ tag }) => {
        count = tag;
      },
    });
    await expect(applying).rejects.toThrow('Ctrl-C');
    expect(told).toEqual([{ key: stuck, reason: 'EIO' }]);
    const left = new Set(storage.keys());
    const gone = keys.filter((key) => !left.has(key)).length;
    expect(gone).toBeLessThan(710);
    expect(count).toBe(gone);
  });

  it('tells of an emptied directory that stays, and goes on with what is in the same repository', async () => {
    const { storage, plan } = await superseded();
    const [revision = ''] = removals(plan, 'revision');
    const directory = parentOf(revision);
    const failing: Storage = {
      ...storage,
      remove: (keys, before, tell) => {
        if (keys.includes(revision)) tell?.({ key: directory, outcome: 'failed', reason: 'i/o error (EIO)' });
        return storage.remove(keys, before, tell);
      },
    };
    const { removed, left } = await apply(failing, plan);
    expect(left).toEqual([{ key: directory, reason: 'i/o error (EIO)' }]);
    expect(removed).toMatchObject({ revision: 2, 'layer-link': 4 });
  });

  it('asks for the lock before every single removal, and removes nothing more once it is lost', async () => {
    const { storage, plan } = await large(400);
    const held = heldLock();
    let asked = 0;
    const stillOurs = async () => {
      if (++asked === 100) throw problem('LOCK_LOST', { path: '/lock' });
    };
    const options = { signal };
    const applying = applyPlan(storage, plan, { ...held, stillOurs }, options);
    await expect(applying).rejects.toMatchObject({ code: 'LOCK_LOST' });
    // A few more were under way; parents are asked for as well.
    expect(storage.keys().length).toBeGreaterThan(400 - 105);
  });

  it('goes on with what does not depend on a layer link that could not be removed', async () => {
    const { storage, plan } = await superseded();
    const [stuck = '', ...others] = removals(plan, 'layer-link');
    const fault = { method: 'remove', nth: 1, errno: 'EIO', key: new RegExp(stuck) } as const;
    const { removed, left } = await apply(faultyStorage(storage, fault), plan);
    expect(left).toEqual([{ key: stuck, reason: 'EIO' }]);
    expect(removed['layer-link']).toBe(others.length);
  });

  it('counts what was there, and is content with what is gone already', async () => {
    const { storage, plan } = await superseded();
    storage.drop(removals(plan, 'revision')[0] ?? '');
    const { removed, left } = await apply(storage, plan);
    expect(removed.revision).toBe(1);
    expect(left).toEqual([]);
    expect((await apply(storage, plan)).removed).toMatchObject({
      'tag-history': 0,
      revision: 0,
      'layer-link': 0,
    });
  });

  it('removes in batches, and tells after each how far it is', async () => {
    const { storage, plan } = await large(1_100);
    const told: [number, number][] = [];
    const counts: number[] = [];
    const watched = recorded(storage);
    await apply(watched, plan, {
      onProgress: (done, total) => told.push([done, total]),
      onRemoved: ({ tag }) => counts.push(tag),
    });
    expect(watched.calls.map(({ length }) => length)).toEqual([500, 500, 100]);
    expect(told).toEqual([
      [500, 1_100],
      [1_000, 1_100],
      [1_100, 1_100],
    ]);
    expect(counts).toEqual([500, 1_000, 1_100]);
  });

  it('reads the plan as it comes to it: no more than a batch is held at once', async () => {
    const { storage, plan } = await large(1_100);
    let read = 0;
    const ahead: number[] = [];
    const remove: typeof plan.remove = {
      ...plan.remove,
      *of(kind) {
        for (const removal of plan.remove.of(kind)) {
          read++;
          yield removal;
        }
      },
    };
    await apply(storage, { ...plan, remove }, { onRemoving: async () => void ahead.push(read) });
    expect(ahead).toEqual([500, 1_000, 1_100]);
  });

  it('looks at the lock before every batch, and removes nothing more once it is lost', async () => {
    const { storage, plan } = await large(1_100);
    const watched = recorded(storage);
    const counts: number[] = [];
    const held = heldLock({ lostFrom: 2 });
    const options: ApplyOptions = { signal, onRemoved: ({ tag }) => counts.push(tag) };
    await expect(applyPlan(watched, plan, held, options)).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(watched.calls).toHaveLength(1);
    expect(counts).toEqual([500]);
  });

  it('asks before every single removal whether it is still safe, and stops when told so', async () => {
    const { storage, plan } = await large(400);
    let asked = 0;
    const stillSafe = async () => {
      if (++asked === 100) throw new Error('the fence is broken');
    };
    await expect(apply(storage, plan, { stillSafe })).rejects.toThrow('the fence is broken');
    // A few more were under way.
    expect(storage.keys().length).toBeGreaterThan(400 - 105);
  });

  it('stops between two batches when it is interrupted', async () => {
    const { storage, plan } = await large(1_100);
    const watched = recorded(storage);
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('Ctrl-C'));
    await expect(apply(watched, plan, { signal: controller.signal, onProgress })).rejects.toThrow('Ctrl-C');
    expect(watched.calls).toHaveLength(1);
  });
});
