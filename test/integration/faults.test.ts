import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyPlan, type Left } from '../../src/apply/apply.ts';
import { tidy } from '../../src/apply/tidy.ts';
import type { Inventory } from '../../src/inventory/inventory.ts';
import { readInventory } from '../../src/inventory/read.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { openFilesystem } from '../../src/storage/filesystem.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { pathsBelow } from '../support/bench.ts';
import { heldLock } from '../support/held.ts';
import { type Mould, pushLitter, takeMould } from '../support/mould.ts';
import { type Act, type Operation, systemError, tap } from '../support/operations.ts';
import { closure } from '../support/oracle.ts';
import { startRegistry } from '../support/registry.ts';

/*
 * Every operation with which a run removes something fails once, in every way in which disks fail. Nothing that a tag
 * needs goes, what stays is told, and the next run ends where an undisturbed one does.
 */

const errnos = ['EIO', 'EACCES', 'EROFS', 'ENOSPC', 'ENOENT'] as const;
type Errno = (typeof errnos)[number];

const { signal } = new AbortController();

let mould: Mould;
let needed: readonly string[];
let untouched: readonly string[];
beforeAll(async () => {
  await using registry = await startRegistry();
  await pushLitter(registry.pushUrl);
  await registry.stop();
  mould = takeMould(registry);
  needed = [...closure(mould.original).values()].flatMap(({ paths }) => paths);
  untouched = pathsBelow(mould.original);
});
afterAll(() => mould[Symbol.dispose]());

interface Look {
  readonly storage: Storage;
  readonly plan: Plan;
  readonly inventory: Inventory;
}

async function look(root: string): Promise<Look> {
  const storage = openFilesystem(root);
  const inventory = await readInventory(storage);
  const policy = { untaggedKeepWithin: 0, uploadsKeepWithin: 0, removeEmptyRepositories: true };
  const plan = makePlan(inventory, { ...policy, now: Date.now() + 1_000, protect: new Set() });
  return { storage, plan, inventory };
}

/** Removes what a run removes by itself. Never throws: `told` is all that is said of it. */
async function remove({ storage, plan, inventory }: Look): Promise<{ told: string; ended: boolean }> {
  const told: string[] = [];
  const options = {
    signal,
    onLeft: ({ key, reason }: Left) => void told.push(`${storage.locate(key)}: ${reason}`),
  };
  try {
    await applyPlan(storage, plan, heldLock(), options);
    await tidy(storage, plan, heldLock(), inventory.emptyDirectories, options);
    return { told: told.join('\n'), ended: true };
  } catch (error) {
    return { told: [...told, String(error)].join('\n'), ended: false };
  }
}

/** What an undisturbed run does to the disk, in order, and what it leaves. */
async function undisturbed(): Promise<{ operations: readonly Operation[]; left: readonly string[] }> {
  using copy = mould.copy();
  const before = await look(copy.root);
  using counting = tap({ below: copy.root });
  expect(await remove(before)).toEqual({ told: '', ended: true });
  counting.end();
  return { operations: [...counting.seen], left: pathsBelow(copy.root) };
}

/**
 * What is wrong after `errno` at the operations of these numbers, and a second, undisturbed run. Of several, only those
 * that would change something fail.
 */
async function disturb(
  { from, to }: { readonly from: number; readonly to: number },
  errno: Errno,
  left: readonly string[],
): Promise<readonly string[]> {
  using copy = mould.copy();
  const before = await look(copy.root);
  let hit: Operation | undefined;
  const act: Act = (operation, when) => {
    const { number, changes } = operation;
    if (when === 'after' || number < from || number > to || (to > from && !changes)) return;
    hit ??= operation;
    throw systemError(errno, operation);
  };
  let outcome: Awaited<ReturnType<typeof remove>>;
  {
    using _ = tap({ below: copy.root, act });
    outcome = await remove(before);
  }
  if (hit === undefined) return ['it was not met'];
  const { told, ended } = outcome;
  const { call, path } = hit;
  const wrong: string[] = [];
  // What vanished is no failure: somebody else has done what was to be done. Here it has not vanished, though, and a
  // directory in which it still is cannot go.
  if (errno !== 'ENOENT' && !told.includes(path)) wrong.push(`${call} ${path} is not told: ${told}`);
  const lines = told
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('directory not empty (ENOTEMPTY)'));
  if (errno === 'ENOENT' && path !== copy.root && (lines.length > 0 || !ended))
    wrong.push(`a failure: ${told}`);
  for (const lost of needed.filter((one) => !existsSync(join(copy.root, one)))) wrong.push(`lost ${lost}`);
  if (errno !== 'ENOENT') wrong.push(...disordered(copy.root, before.plan));

  const second = await remove(await look(copy.root));
  if (second.told !== '') wrong.push(`the next run: ${second.told}`);
  const now = pathsBelow(copy.root);
  const differs = [...left.filter((one) => !now.includes(one)), ...now.filter((one) => !left.includes(one))];
  if (differs.length > 0) wrong.push(`differs: ${differs.join(', ')}`);
  return wrong.map((text) => `${errno} at ${from} (${call} ${path.slice(copy.root.length)}): ${text}`);
}

/** References go before what they name: what is wrong where one of a repository stays and something after it went. */
function disordered(root: string, plan: Plan): readonly string[] {
  const order = ['tag-history', 'revision', 'layer-link'];
  const there = ({ key }: { key: string }): boolean => existsSync(join(root, key));
  const repositories = new Set([...plan.remove].map(({ repository }) => repository));
  return [...repositories].flatMap((repository) => {
    const removals = [...plan.remove].filter(
      (one) => one.repository === repository && order.includes(one.kind),
    );
    const stays = removals.filter(there).map(({ kind }) => order.indexOf(kind));
    const gone = removals.filter((one) => !there(one)).map(({ kind }) => order.indexOf(kind));
    const first = Math.min(...stays);
    return gone.some((kind) => kind > first)
      ? [`${repository}: ${order[first]} stays, what it names went`]
      : [];
  });
}

describe('a fault at any operation of apply and tidy', () => {
  it('there is something of every kind, so that every kind of removal meets one', async () => {
    const { plan } = await look(mould.original);
    const kinds = ['tag-history', 'revision', 'layer-link', 'upload', 'repository'];
    expect(new Set([...plan.remove].map(({ kind }) => kind))).toEqual(new Set([...kinds, 'blob']));
    expect(pathsBelow(mould.original)).toEqual(untouched);
  });

  it.each(errnos)(
    '%s: nothing lost, told with its path, and the next run converges',
    { timeout: 300_000 },
    async (errno) => {
      const { operations, left } = await undisturbed();
      const calls = new Set(operations.map(({ call }) => call));
      expect(calls).toEqual(new Set(['lstat', 'readdir', 'unlink', 'rmdir']));
      const wrong: string[] = [];
      for (const { number } of operations)
        wrong.push(...(await disturb({ from: number, to: number }, errno, left)));
      expect(wrong).toEqual([]);
    },
  );

  it('a disk that is read-only from any removal on: as well', { timeout: 300_000 }, async () => {
    const { operations, left } = await undisturbed();
    const wrong: string[] = [];
    for (const { number } of operations.filter(({ changes }) => changes))
      wrong.push(...(await disturb({ from: number, to: Number.POSITIVE_INFINITY }, 'EROFS', left)));
    expect(wrong).toEqual([]);
  });
});
