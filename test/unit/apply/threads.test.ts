import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApplyOptions, applyPlan } from '../../../src/apply/apply.ts';
import { Removers } from '../../../src/apply/remover.ts';
import { sweep } from '../../../src/apply/sweep.ts';
import { problem } from '../../../src/errors.ts';
import type { Inventory } from '../../../src/inventory/inventory.ts';
import type { Plan, Removal } from '../../../src/plan/plan.ts';
import { removalsOf } from '../../../src/plan/removals.ts';
import { openFilesystem } from '../../../src/storage/filesystem.ts';
import type { Removed, Storage } from '../../../src/storage/storage.ts';
import { heldLock } from '../../support/held.ts';
import { at } from '../../support/layout.ts';
import { memoryRegistry } from '../../support/memory-registry.ts';
import { temporaryDirectory } from '../../support/program.ts';

/*
 * So many removals, in real directories, that threads carry them out: what holds for one after another holds for them.
 */

const { signal } = new AbortController();
const order = ['tag-history', 'revision', 'layer-link'] as const;
const names: readonly string[] = order;
/** Of each kind, enough for threads; and so few that they count as enough for them only where a test says so. */
const many = 2_100;
const few = 300;

let directory: ReturnType<typeof temporaryDirectory>;
let nothing: Plan;
beforeEach(async () => {
  directory = temporaryDirectory();
  nothing = await memoryRegistry().plan();
});
afterEach(() => directory[Symbol.dispose]());

const path = (key: string): string => join(directory.path, key);
const isThere = ({ key }: { readonly key: string }): boolean => existsSync(path(key));

function digest(number: number): string {
  return `sha256:${number.toString(16).padStart(4, '0').repeat(16)}`;
}

function put(key: string): void {
  mkdirSync(dirname(path(key)), { recursive: true });
  writeFileSync(path(key), 'x');
}

/** Removals of every kind, of ten repositories, whose files are there. */
function laidOut(count: number): Record<(typeof order)[number], Removal[]> {
  const keyOf = {
    'tag-history': (name: string, id: string) => at.history(name, 'v1', id),
    revision: at.revision,
    'layer-link': at.layer,
  };
  const made = (kind: (typeof order)[number]): Removal[] =>
    Array.from({ length: count }, (_, number) => {
      const repository = `team/r${number % 10}`;
      const key = keyOf[kind](repository, digest(number));
      put(key);
      return { kind, key, bytes: 0, because: 'test', repository, digest: digest(number) };
    });
  return { 'tag-history': made('tag-history'), revision: made('revision'), 'layer-link': made('layer-link') };
}

const planOf = (...removals: readonly Removal[]): Plan => ({ ...nothing, remove: removalsOf(removals) });

/** The directory as storage, in which threads remove even a few; how many calls went to them, and how often they began. */
function watched(): { storage: Storage; calls: () => number; opened: () => number } {
  const storage = openFilesystem(directory.path);
  const { parallel } = storage;
  let calls = 0;
  let opened = 0;
  if (parallel === undefined) throw new Error('it removes with one thread only');
  return {
    calls: () => calls,
    opened: () => opened,
    storage: {
      ...storage,
      parallel: {
        from: few,
        open(permit) {
          opened++;
          const threads = parallel.open(permit);
          return {
            remove(...how) {
              calls++;
              return threads.remove(...how);
            },
            close: () => threads.close(),
          };
        },
      },
      remove() {
        throw new Error('that is work for threads');
      },
    },
  };
}

describe('with threads', () => {
  it('the same ones go on from kind to kind, and are gone when whoever lent them says so', async () => {
    const made = laidOut(few);
    const { storage, calls, opened } = watched();
    const held = heldLock();
    const removers = new Removers(storage);
    removers.begin(few - 1);
    expect(opened()).toBe(0);
    removers.begin(few);
    const going = [...made['tag-history'].slice(0, 1), ...made.revision, ...made['layer-link']];
    await applyPlan(storage, planOf(...going), held, { signal, removers });
    expect([opened(), calls()]).toEqual([1, 3]);
    expect(going.filter(isThere)).toEqual([]);
    await removers.close();
    const again = laidOut(few).revision;
    await applyPlan(storage, planOf(...again), held, { signal });
    expect(again.filter(isThere)).toEqual([]);
    expect(opened()).toBe(2);
  });

  it('that were lent end with a removal that fails, before that is told', async () => {
    const made = laidOut(few);
    const { storage, opened } = watched();
    const held = heldLock();
    await using removers = new Removers(storage);
    removers.begin(few);
    const stillSafe = async (): Promise<void> => {
      throw problem('FENCE_FAILED', { reason: 'test' });
    };
    const applying = applyPlan(storage, planOf(...made.revision), held, { signal, removers, stillSafe });
    await expect(applying).rejects.toMatchObject({ code: 'FENCE_FAILED' });
    expect(made.revision.filter(isThere)).toHaveLength(few);
    removers.begin(few);
    expect(opened()).toBe(2);
  });

  it('kinds go in their order: nothing of the next one while anything of the one before is there', async () => {
    const made = laidOut(few);
    const { storage, calls } = watched();
    const seen: string[] = [];
    const onRemoving: ApplyOptions['onRemoving'] = async (batch) => {
      const kind = batch[0]?.kind;
      // What is put on record is all there yet, and nothing is there any more that must go before it.
      expect(batch.every(isThere)).toBe(true);
      const earlier = order.slice(0, names.indexOf(kind ?? ''));
      for (const one of earlier) expect(made[one].filter(isThere)).toEqual([]);
      seen.push(`${kind} ${batch.length}`);
    };
    const answers: Removed[] = [];
    const plan = planOf(...made['layer-link'], ...made.revision, ...made['tag-history']);
    const { removed, left } = await applyPlan(storage, plan, heldLock(), {
      signal,
      onRemoving,
      onAnswered: (answer) => answers.push(answer),
    });
    expect(seen).toEqual(order.map((kind) => `${kind} ${few}`));
    expect(calls()).toBe(3);
    expect(left).toEqual([]);
    expect(removed).toMatchObject({ 'tag-history': few, revision: few, 'layer-link': few });
    expect(new Set(answers.map(({ key }) => key)).size).toBe(3 * few);
    expect(order.flatMap((kind) => made[kind]).filter(isThere)).toEqual([]);
  });

  it('what depends on a reference that could not be removed stays, in its repository alone', async () => {
    const made = laidOut(few);
    const [stuck] = made.revision;
    if (stuck === undefined) throw new Error('none');
    rmSync(path(stuck.key));
    symlinkSync('nowhere', path(stuck.key));
    const { storage } = watched();
    const { removed, left } = await applyPlan(
      storage,
      planOf(...made.revision, ...made['layer-link']),
      heldLock(),
      { signal },
    );
    expect(left[0]).toEqual({ key: stuck.key, reason: 'it is a symbolic link, which is not followed' });
    const spared = made['layer-link'].filter(({ repository }) => repository === stuck.repository);
    expect(left.slice(1)).toEqual(
      spared.map(({ key }) => ({ key, reason: 'left, since a reference before it could not be removed' })),
    );
    expect(made['layer-link'].filter(isThere)).toEqual(spared);
    expect(removed).toMatchObject({ revision: few - 1, 'layer-link': few - spared.length });
  });

  it.each<[string, () => Partial<ApplyOptions> & { held?: ReturnType<typeof heldLock> }, object]>([
    ['the lock is lost', () => ({ held: heldLock({ lostFrom: 4 }) }), { code: 'LOCK_LOST' }],
    [
      'the fence is broken',
      () => {
        let asked = 0;
        const stillSafe = async () => {
          if (++asked > 3) throw problem('FENCE_FAILED', { reason: 'somebody writes' });
        };
        return { stillSafe };
      },
      { code: 'FENCE_FAILED' },
    ],
    [
      'it is interrupted',
      () => {
        const controller = new AbortController();
        const onAnswered = () => controller.abort(new Error('Ctrl-C'));
        return { signal: controller.signal, onAnswered };
      },
      { message: 'Ctrl-C' },
    ],
  ])('nothing more goes once %s, and what went is told', async (_when, how, error) => {
    const made = laidOut(many);
    const plan = planOf(...made.revision, ...made['layer-link']);
    const { held = heldLock(), ...options } = how();
    const gone: string[] = [];
    let counted = 0;
    const onAnswered: ApplyOptions['onAnswered'] = (answer) => {
      if (answer.outcome === 'removed') gone.push(answer.key);
      options.onAnswered?.(answer);
    };
    const applying = applyPlan(watched().storage, plan, held, {
      signal,
      ...options,
      onAnswered,
      onRemoved: ({ revision, 'layer-link': links }) => {
        counted = revision + links;
      },
    });
    await expect(applying).rejects.toMatchObject(error);
    const left = [...plan.remove].filter(isThere).map(({ key }) => key);
    expect([...gone, ...left].sort()).toEqual([...plan.remove].map(({ key }) => key).sort());
    expect(left.length).toBeGreaterThan(0);
    expect(counted).toBe(gone.length);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(left.every((key) => isThere({ key }))).toBe(true);
  });

  it('the native collector takes its blobs, and what a registry left beside them', async () => {
    const blobs = Array.from({ length: many }, (_, number): Removal => {
      const key = at.blob(digest(number));
      put(key);
      return { kind: 'blob', key, bytes: 2, because: 'test', digest: digest(number) };
    });
    put(`${blobs[7]?.key}.tmp`);
    put(at.blob(`sha256:${'f'.repeat(64)}`));
    const storage = openFilesystem(directory.path);
    const ids = new Map(blobs.map((removal, id) => [removal.digest, id]));
    const inventory = {
      ...nothing.kept.inventory,
      digestCount: many,
      find: (one: string) => ids.get(one) ?? -1,
    } satisfies Inventory;
    const plan = { ...planOf(...blobs), kept: { ...nothing.kept, inventory, marked: new Uint8Array(many) } };
    const swept = await sweep(storage, plan, { left: [] }, heldLock(), { signal });
    expect(swept).toMatchObject({ blobs: many, bytes: 2 * many, left: [] });
    expect([...swept.sweeps].every((one) => one === 1)).toBe(true);
    const left: string[] = [];
    for await (const page of storage.list('')) left.push(...page.map(({ key }) => key));
    expect(left).toEqual([at.blob(`sha256:${'f'.repeat(64)}`)]);
  });
});
