import { describe, expect, it } from 'vitest';
import { type Applied, applyPlan, type Left } from '../../../src/apply/apply.ts';
import { type SweepOptions, sweep } from '../../../src/apply/sweep.ts';
import { verifyReopened } from '../../../src/apply/verify-reopened.ts';
import { problem } from '../../../src/errors.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { removalsOf } from '../../../src/plan/removals.ts';
import { parentOf } from '../../../src/storage/key.ts';
import type { Removed, Storage } from '../../../src/storage/storage.ts';
import { faultyStorage } from '../../support/faulty-storage.ts';
import { heldLock } from '../../support/held.ts';
import { at, digestOf } from '../../support/layout.ts';
import {
  absentDigest,
  type MemoryRegistry,
  memoryRegistry,
  removals,
} from '../../support/memory-registry.ts';

const { signal } = new AbortController();
const native = { collector: 'native' } as const;
const nothingLeft: Pick<Applied, 'left'> = { left: [] };

function sweepAll(
  storage: Storage,
  plan: Plan,
  { left = [], ...options }: Partial<SweepOptions> & { left?: readonly Left[] } = {},
) {
  return sweep(storage, plan, { left }, heldLock(), { signal, ...options });
}

/** A tagged image, and two images that nobody needs; one layer is shared by all. */
function scene(): { made: MemoryRegistry; kept: string; dead: readonly [string, string] } {
  const made = memoryRegistry();
  const kept = made.image('app', { tags: ['v1'], layers: ['shared', 'own'] });
  const dead = [
    made.image('app', { layers: ['shared', 'dead one'] }),
    made.image('other', { layers: ['shared', 'dead two'] }),
  ] as const;
  return { made, kept, dead };
}

/** Blob keys that are left. */
const blobs = ({ storage }: MemoryRegistry): string[] =>
  storage.keys().filter((key) => key.startsWith(`${at.blobs}/`));

describe('the native collector', () => {
  it('removes the blobs of the plan and no others, and measures what went', async () => {
    const { made } = scene();
    made.blob('nobody names it');
    const plan = await made.plan(native);
    const going = removals(plan, 'blob');
    const before = blobs(made);
    await applyPlan(made.storage, plan, heldLock(), { signal });
    const swept = await sweepAll(made.storage, plan);
    expect(going.length).toBeGreaterThan(5);
    expect(blobs(made)).toEqual(before.filter((key) => !going.includes(key)));
    const bytes = [...plan.remove.of('blob')].reduce((sum, removal) => sum + removal.bytes, 0);
    expect(swept).toMatchObject({ blobs: going.length, bytes, left: [], unknown: [] });
    const { inventory } = plan.kept;
    const told = [...swept.sweeps.keys()].filter((id) => swept.sweeps[id] === 1);
    expect(told.map((id) => at.blob(inventory.digest(id))).sort()).toEqual(going.toSorted());
    expect(verifyReopened(plan, await made.read(), (key) => key)).toEqual({ manifests: 1 });
  });

  it('counts what was there, and is content with what is gone already', async () => {
    const { made } = scene();
    const plan = await made.plan(native);
    const [first = '', ...others] = [...plan.remove.of('blob')];
    made.storage.drop(typeof first === 'string' ? first : first.key);
    const swept = await sweepAll(made.storage, plan);
    expect(swept).toMatchObject({ blobs: others.length, left: [] });
    expect(await sweepAll(made.storage, plan)).toMatchObject({ blobs: 0, bytes: 0, left: [] });
  });

  it('never removes what a manifest that stays needs, whatever the plan says', async () => {
    const { made, kept } = scene();
    const plan = await made.plan(native);
    const wrong = { kind: 'blob', key: at.blob(kept), digest: kept, bytes: 1, because: 'a bug' } as const;
    const swept = await sweepAll(made.storage, {
      ...plan,
      remove: removalsOf([wrong, ...plan.remove.of('blob')]),
    });
    expect(swept.left).toEqual([{ key: at.blob(kept), reason: 'left: a manifest that stays needs it' }]);
    expect(blobs(made)).toContain(at.blob(kept));
    expect(swept.blobs).toBe(plan.remove.count('blob'));
  });

  describe('keeps what a reference that could not be removed still leads to', () => {
    const why = 'left, since a reference to it could not be removed';
    /** Removes references with the one at `key` stuck, and sweeps; blobs of the plan that stay. */
    async function stayAfter(made: MemoryRegistry, key: string, over = {}): Promise<string[]> {
      const plan = await made.plan({ ...native, ...over });
      const fault = { method: 'remove', nth: 1, errno: 'EIO', key: new RegExp(`${key}$`) } as const;
      const faulty = faultyStorage(made.storage, fault);
      const applied = await applyPlan(faulty, plan, heldLock(), { signal });
      expect(applied.left[0]).toEqual({ key, reason: 'EIO' });
      const { left, blobs: count } = await sweepAll(made.storage, plan, { left: applied.left });
      expect(new Set(left.map(({ reason }) => reason))).toEqual(new Set([why]));
      expect(count + left.length).toBe(plan.remove.count('blob'));
      const stay = blobs(made);
      for (const one of left) expect(stay).toContain(one.key);
      return left.map((one) => one.key).sort();
    }
    const all = (...digests: readonly string[]): string[] => digests.map((digest) => at.blob(digest)).sort();

    it('a revision: its manifest, config and layers', async () => {
      const { made, dead } = scene();
      const layer = digestOf(Buffer.from('dead one'));
      const config = digestOf(Buffer.from('config 2'));
      expect(await stayAfter(made, at.revision('app', dead[0]))).toEqual(all(dead[0], layer, config));
    });

    it('an index: what its children need, too', async () => {
      const made = memoryRegistry();
      made.image('app', { tags: ['v1'] });
      const child = made.image('app', { layers: ['child layer'] });
      const index = made.index('app', [child, absentDigest('sparse')]);
      const stay = await stayAfter(made, at.revision('app', index));
      expect(stay).toEqual(
        all(index, child, digestOf(Buffer.from('child layer')), digestOf(Buffer.from('config 2'))),
      );
    });

    it('tag history: the image that the tag once named', async () => {
      const { made, dead } = scene();
      made.storage.put(at.history('app', 'v1', dead[0]), dead[0]);
      const layer = digestOf(Buffer.from('dead one'));
      const stay = await stayAfter(made, at.history('app', 'v1', dead[0]));
      expect(stay).toEqual(all(dead[0], layer, digestOf(Buffer.from('config 2'))));
    });

    it('a layer link: the blob in its path, and the one in its content', async () => {
      const made = memoryRegistry();
      made.image('app', { tags: ['v1'] });
      const target = made.blob('pushed by its sha512');
      const path = absentDigest('pushed by its sha512', 'sha512');
      made.storage.put(at.layer('app', path), target, 0);
      const dead = made.layer('app', 'another dead one');
      expect(await stayAfter(made, at.layer('app', path))).toEqual(all(target));
      expect(blobs(made)).not.toContain(at.blob(dead));
    });

    it('a tag: the image that it names', async () => {
      const { made, kept } = scene();
      const plan = await made.plan({ ...native, protect: new Set() });
      const tag = at.current('app', 'v1');
      const blob = { kind: 'blob', key: at.blob(kept), digest: kept, bytes: 1, because: 'test' } as const;
      const untagged = { ...plan, kept: { ...plan.kept, marked: new Uint8Array(plan.kept.marked.length) } };
      const swept = await sweepAll(
        made.storage,
        { ...untagged, remove: removalsOf([blob]) },
        { left: [{ key: tag, reason: 'EIO' }] },
      );
      expect(swept.left).toEqual([{ key: at.blob(kept), reason: why }]);
    });
  });

  describe('of what lies in the directory of a blob that goes', () => {
    it('takes the files that a registry left, and the directory', async () => {
      const { made, dead } = scene();
      const beside = `${at.blob(dead[0])}.0e8a5c6e-6c63-4b0c-9a11-5f3f9b1c2d3e.tmp`;
      made.storage.put(beside, 'half');
      const plan = await made.plan(native);
      const answers: Removed[] = [];
      const going: string[] = [];
      const { left } = await sweepAll(made.storage, plan, {
        onRemoving: async (batch) => void going.push(...batch.map(({ key }) => key)),
        onAnswered: (answer) => answers.push(answer),
      });
      const directory = parentOf(beside);
      expect(left).toEqual([]);
      expect(made.storage.keys().filter((key) => key.startsWith(directory))).toEqual([]);
      expect(going).toContain(directory);
      expect(answers).toContainEqual({ key: directory, outcome: 'removed', reason: undefined });
    });

    it('leaves what no registry puts there, and says so', async () => {
      const { made, dead } = scene();
      const directory = parentOf(at.blob(dead[0]));
      made.storage.put(`${directory}notes/mine.txt`, 'mine');
      made.storage.symlink(`${directory}elsewhere`);
      made.storage.mkdir(`${directory}hollow/`);
      made.storage.put(`${directory}data.tmp`, 'half');
      const plan = await made.plan(native);
      const { left, blobs: count } = await sweepAll(made.storage, plan);
      const reason = 'left: no registry puts it beside a blob';
      expect(left.map((one) => one.key).sort()).toEqual(
        ['elsewhere', 'hollow/', 'notes/mine.txt'].map((name) => directory + name),
      );
      for (const one of left) expect(one.reason).toBe(reason);
      expect(count).toBe(plan.remove.count('blob'));
      expect(made.storage.keys().filter((key) => key.startsWith(directory))).toEqual(
        ['elsewhere', 'hollow/', 'notes/mine.txt'].map((name) => directory + name),
      );
    });

    it('leaves a blob that has come back meanwhile', async () => {
      const { made, dead } = scene();
      const key = at.blob(dead[0]);
      made.storage.put(`${key}.tmp`, 'half');
      const plan = await made.plan(native);
      const storage: Storage = {
        ...made.storage,
        async *list(prefix, skip) {
          made.storage.put(key, 'back');
          yield* made.storage.list(prefix, skip);
        },
      };
      const { left } = await sweepAll(storage, plan);
      expect(left).toEqual([{ key, reason: 'left: the blob has come back' }]);
      expect(blobs(made)).toContain(key);
    });

    it('stays with a blob that could not be removed', async () => {
      const { made, dead } = scene();
      const key = at.blob(dead[0]);
      made.storage.put(`${key}.tmp`, 'half');
      const plan = await made.plan(native);
      const fault = { method: 'remove', nth: 1, errno: 'EACCES', key: new RegExp(`${key}$`) } as const;
      const { left, blobs: count, sweeps } = await sweepAll(faultyStorage(made.storage, fault), plan);
      expect(left).toEqual([{ key, reason: 'EACCES' }]);
      expect(count).toBe(plan.remove.count('blob') - 1);
      expect(sweeps[plan.kept.inventory.find(dead[0])]).toBe(0);
      expect(blobs(made)).toEqual(expect.arrayContaining([key, `${key}.tmp`]));
    });
  });

  it.each<[string, (plan: Plan) => Partial<SweepOptions> & { readonly lostFrom?: number }, object]>([
    [
      'the fence is broken',
      () => {
        let asked = 0;
        return {
          stillSafe: async () => {
            if (++asked > 3) throw problem('FENCE_FAILED', { reason: 'somebody writes' });
          },
        };
      },
      { code: 'FENCE_FAILED' },
    ],
    [
      'it is interrupted',
      () => {
        const controller = new AbortController();
        let told = 0;
        return {
          signal: controller.signal,
          onAnswered: () => {
            if (++told === 3) controller.abort(new Error('Ctrl-C'));
          },
        };
      },
      { message: 'Ctrl-C' },
    ],
  ])('stops before the next removal when %s, and tells what went by then', async (_when, how, error) => {
    const { made } = scene();
    const plan = await made.plan(native);
    const contents = (): number => blobs(made).filter((key) => key.endsWith('/data')).length;
    const before = contents();
    let swept = { blobs: 0, bytes: 0 };
    const onSwept: SweepOptions['onSwept'] = (so) => {
      swept = so;
    };
    await expect(sweepAll(made.storage, plan, { ...how(plan), onSwept })).rejects.toMatchObject(error);
    const gone = before - contents();
    expect(gone).toBeGreaterThan(0);
    expect(gone).toBeLessThan(plan.remove.count('blob'));
    expect(swept.blobs).toBe(gone);
  });

  it('removes nothing once the lock is lost', async () => {
    const { made } = scene();
    const plan = await made.plan(native);
    const before = blobs(made);
    const lost = sweep(made.storage, plan, nothingLeft, heldLock({ lostFrom: 1 }), { signal });
    await expect(lost).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(blobs(made)).toEqual(before);
  });

  it('has every blob on record before it goes', async () => {
    const { made } = scene();
    const plan = await made.plan(native);
    const known = new Set<string>();
    const early: string[] = [];
    const storage: Storage = {
      ...made.storage,
      remove(keys, ...how) {
        early.push(...keys.filter((key) => !known.has(key)));
        return made.storage.remove(keys, ...how);
      },
    };
    const onRemoving: SweepOptions['onRemoving'] = async (batch) => {
      for (const { key } of batch) known.add(key);
    };
    await sweepAll(storage, plan, { onRemoving });
    expect([early, known.size]).toEqual([[], plan.remove.count('blob')]);
  });
});
