import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyPlan } from '../../../src/apply/apply.ts';
import { tidy } from '../../../src/apply/tidy.ts';
import { logBatches } from '../../../src/commands/runs/batches.ts';
import { fromLogged, toLogged } from '../../../src/commands/runs/items.ts';
import { countsOf, itemsOf } from '../../../src/commands/runs/shown.ts';
import { type LockOwner, lockOwner, summarize } from '../../../src/commands/runs/summary.ts';
import { type Owner, selfAsOwner } from '../../../src/pipeline/owner.ts';
import { keepRecord, listRuns, logOf, noteRecovered } from '../../../src/pipeline/records.ts';
import { openRunLog } from '../../../src/pipeline/run-log.ts';
import { readRunLog } from '../../../src/pipeline/run-log-read.ts';
import type { Plan, Removal } from '../../../src/plan/plan.ts';
import { removalsOf } from '../../../src/plan/removals.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import type { Removed, State, Storage } from '../../../src/storage/storage.ts';
import { faultyStorage } from '../../support/faulty-storage.ts';
import { heldLock } from '../../support/held.ts';
import { at, digestOf } from '../../support/layout.ts';
import { hour, memoryRegistry } from '../../support/memory-registry.ts';
import { temporaryDirectory } from '../../support/program.ts';
import { documentOf } from '../report/documents.ts';

const { signal } = new AbortController();
const run = '20260115T120000-0badcafe';

let directory: ReturnType<typeof temporaryDirectory>;
let state: State;
beforeEach(() => {
  directory = temporaryDirectory();
  state = filesystemState(directory.path);
});
afterEach(() => directory[Symbol.dispose]());

const open = (id = run) =>
  openRunLog({ state, run: id, begin: { version: '1', registry: null, settings: {} }, onMissed: () => {} });
const text = (id = run) => readFileSync(join(directory.path, logOf(id)), 'utf8');
const read = () => readRunLog(text());

/** Something of every kind goes. */
async function everything(): Promise<{ storage: ReturnType<typeof memoryRegistry>['storage']; plan: Plan }> {
  const made = memoryRegistry();
  for (const repository of ['one', 'team/two']) {
    const old = made.image(repository);
    made.image(repository, { tags: ['v1', 'v1.0_a-b'] });
    for (const tag of ['v1', 'v1.0_a-b']) made.storage.put(at.history(repository, tag, old), old);
  }
  made.layer('empty', 'left over');
  made.upload('one', '91bbc8bf-226c-4a64-ae10-85c58e785f4d', { age: 1_000 * hour });
  const plan = await made.plan({ removeEmptyRepositories: true });
  const tag: Removal = {
    kind: 'tag',
    key: at.current('one', 'v1'),
    bytes: 0,
    because: 'retention',
    repository: 'one',
  };
  return { storage: made.storage, plan: { ...plan, remove: removalsOf([tag, ...plan.remove]) } };
}

describe('what goes', () => {
  it('is the same once it was written down and read again: kind, key, digest and reason', async () => {
    const { plan } = await everything();
    expect(new Set([...plan.remove].map(({ kind }) => kind)).size).toBe(7);
    for (const removal of plan.remove) {
      const { kind, key, because, digest, repository } = removal;
      const item = fromLogged(JSON.parse(JSON.stringify(toLogged(removal))));
      expect(item).toMatchObject({
        kind,
        key,
        because,
        digest: digest ?? null,
        repository: repository ?? null,
      });
    }
  });

  it('has no key where the record cannot be true', () => {
    const names = ['', '../x', 'a/b', 'sha256:x', `v1 sha256:x`, '../v1 ../v2'];
    for (const name of names) {
      for (const kind of ['tag', 'tag-history', 'revision', 'layer-link', 'blob', 'upload', 'unheard-of'])
        for (const repository of ['../etc', 'UP', undefined])
          expect(fromLogged({ kind, name, repository, because: '' }).key).toBeNull();
    }
    expect(fromLogged({ kind: 'repository', name: '../etc', because: '' }).key).toBeNull();
    expect(fromLogged({ kind: 'upload', name: '../x', repository: 'one', because: '' }).key).toBeNull();
    expect(fromLogged({ kind: 'revision', name: 'sha256:x', repository: 'one', because: '' }).key).toBeNull();
  });

  it('is on disk before the storage is told to remove it, references and leftovers alike', async () => {
    const { storage, plan } = await everything();
    const log = await open();
    const early: string[] = [];
    const watched: Storage = {
      ...storage,
      remove(keys, before, tell) {
        const known = new Set([...itemsOf(read())].map(({ key }) => key ?? ''));
        // Of an upload and of a repository whole directories go.
        const foretold = (key: string) =>
          [...known].some((one) => key === one || (one.endsWith('/') && key.startsWith(one)));
        early.push(...keys.filter((key) => !foretold(key)));
        return storage.remove(keys, before, tell);
      },
    };
    const apply = logBatches(log, 'apply');
    await applyPlan(watched, plan, heldLock(), { signal, ...apply.hooks }).finally(apply.close);
    const later = logBatches(log, 'tidy');
    const spare = ['docker/registry/v2/blobs/sha256/aa/'];
    await tidy(watched, plan, heldLock(), spare, { signal, ...later.hooks }).finally(later.close);
    await log.released();
    expect(early).toEqual([]);

    const items = [...itemsOf(read())];
    const planned = [...plan.remove].filter(({ kind }) => kind !== 'blob');
    for (const { key, because } of planned)
      expect(items).toContainEqual(expect.objectContaining({ key, because }));
    const fates = (kind: string) => [
      ...new Set(items.filter((one) => one.kind === kind).map((one) => one.outcome)),
    ];
    for (const { kind } of planned) expect(fates(kind)).toEqual(['removed']);
    expect(fates('directory')).toEqual(['absent']);
  });

  it('is told with what came of it: a failure with its reason, and in its own repository alone', async () => {
    const { storage, plan } = await everything();
    const digest = `sha256:${'a'.repeat(64)}`;
    const remove = ['one', 'team/two'].map((repository): Removal => {
      storage.put(at.revision(repository, digest), digest);
      return {
        kind: 'revision',
        key: at.revision(repository, digest),
        bytes: 0,
        because: 'test',
        repository,
        digest,
      };
    });
    const log = await open();
    const apply = logBatches(log, 'apply');
    const faulty = faultyStorage(storage, { method: 'remove', nth: 1, errno: 'EACCES', key: /\/one\// });
    await applyPlan(faulty, { ...plan, remove: removalsOf(remove) }, heldLock(), {
      signal,
      ...apply.hooks,
    }).finally(apply.close);
    await log.released();
    expect([...itemsOf(read())]).toMatchObject([
      { repository: 'one', digest, outcome: 'failed', reason: expect.stringContaining('EACCES') },
      { repository: 'team/two', digest, outcome: 'removed', reason: null },
    ]);
  });

  it('is told batch by batch, though the next one is on record before the one before has ended', async () => {
    const log = await open();
    const { hooks, close } = logBatches(log, 'apply');
    const batch = (name: string): Removal[] =>
      [1, 2].map((number): Removal => {
        const digest = digestOf(Buffer.from(`${name} ${number}`));
        const [kind, repository] = ['layer-link', 'one'] as const;
        return { kind, repository, digest, key: at.layer(repository, digest), bytes: 0, because: name };
      });
    const batches = ['first', 'second', 'third'].map(batch);
    const [[one, two] = [], [three, four] = [], [five] = []] = batches;
    for (const going of batches) await hooks.onRemoving(going);
    const answer = (going: Removal | undefined, outcome: Removed['outcome']): void =>
      hooks.onAnswered({
        key: going?.key ?? '',
        outcome,
        ...(outcome === 'failed' ? { reason: 'EIO' } : {}),
      });
    answer(three, 'failed');
    answer(one, 'removed');
    answer(four, 'removed');
    answer(two, 'absent');
    answer(five, 'removed');
    // What has ended is known although the run does not come to its end.
    await log.going('tidy', [{ kind: 'directory', name: 'next', because: 'next' }]);
    const ended = () => [...itemsOf(read())].map(({ because, outcome }) => `${because} ${outcome}`);
    const known = ['first removed', 'first absent', 'second failed', 'second removed'];
    expect(ended()).toEqual([...known, 'third unknown', 'third unknown', 'next unknown']);
    close();
    await log.released();
    expect(ended()).toEqual([...known, 'third removed', 'third unknown', 'next unknown']);
  });

  it('is not known to be gone of a batch in whose middle the run ended', async () => {
    const { storage, plan } = await everything();
    const log = await open();
    const apply = logBatches(log, 'apply');
    let asked = 0;
    const held = {
      ...heldLock(),
      stillOurs: async () => {
        if (++asked > 4) throw new Error('enough');
      },
    };
    await expect(
      applyPlan(storage, plan, held, { signal, ...apply.hooks }).finally(apply.close),
    ).rejects.toThrow('enough');
    await log.released();
    const { removed, unknown } = countsOf(read());
    expect(removed.tag ?? 0).toBe(1);
    expect(removed['tag-history']).toBe(1);
    expect(unknown['tag-history']).toBe(3);
    expect(removed.revision).toBeUndefined();
  });
});

describe('how a run ended', () => {
  const one = async (lock?: LockOwner) => {
    const [first] = await listRuns(state);
    if (first === undefined) throw new Error('no run');
    return summarize(state, first, lock);
  };
  const elsewhere = { ...selfAsOwner(run), boot: 'another' };
  /** Written by a process that is gone, or that cannot be seen from here. */
  async function foreign(owner: Owner): Promise<void> {
    await open();
    const own = JSON.stringify(selfAsOwner(run).startedAt);
    const begun = text().replace(own, JSON.stringify(owner.startedAt));
    await state.replaceIf(logOf(run), text(), begun.replace(selfAsOwner(run).boot, owner.boot));
  }

  it('is what its record says', async () => {
    await open();
    await keepRecord(state, run, documentOf({ outcome: 'refused', exitCode: 6 }));
    expect(await one()).toMatchObject({ state: 'ended', outcome: 'refused', exitCode: 6, doing: null });
  });

  it('is what its log says where there was no room for the record', async () => {
    const log = await open();
    const figures = { removed: null, window: null, seconds: 3 };
    await log.end({ outcome: 'failed', exitCode: 1, error: 'STORAGE_FAILED', ...figures });
    expect(await one()).toMatchObject({ state: 'ended', exitCode: 1, error: 'STORAGE_FAILED', seconds: 3 });
  });

  it('is not known where the record cannot be read', async () => {
    await state.createExclusive(`runs/${run}.json`, '{"version":1,"outcome":');
    expect(await one()).toMatchObject({ state: 'ended', outcome: null, exitCode: null });
  });

  it('has not come while its process lives', async () => {
    await open();
    expect(await one()).toMatchObject({ state: 'running', doing: 'before it removed anything' });
    expect(await one({ owner: selfAsOwner(run), beats: false })).toMatchObject({ state: 'running' });
  });

  it('is its death where its process is gone, whether or not somebody took over', async () => {
    await foreign({ ...selfAsOwner(run), startedAt: '1' });
    expect(await one()).toMatchObject({ state: 'killed', recovered: null });
    await noteRecovered(state, '20260116T000000-00000000', [{ run, step: 'stop' }]);
    expect(await one()).toMatchObject({
      state: 'killed',
      recovered: { by: '20260116T000000-00000000', undone: ['stop'] },
    });
  });

  it('cannot be told of one elsewhere that holds the lock; once somebody has taken over, it can', async () => {
    await foreign(elsewhere);
    expect(await one({ owner: elsewhere, beats: false })).toMatchObject({ state: 'unknown' });
    expect(await one({ owner: elsewhere, beats: true })).toMatchObject({ state: 'running' });
    expect(await one()).toMatchObject({ state: 'killed' });
    expect(await one({ owner: { ...elsewhere, run: 'another' }, beats: true })).toMatchObject({
      state: 'killed',
    });
  });

  it('has not come while the heart of its lock beats, wherever that is', async () => {
    const lock = (beat: number) => JSON.stringify({ ...elsewhere, beat });
    await state.createExclusive('lock', lock(0));
    expect(await lockOwner(state, signal, 150)).toMatchObject({ owner: { run }, beats: false });
    const watching = lockOwner(state, signal, 20_000);
    await state.replaceIf('lock', lock(0), lock(1));
    expect(await watching).toMatchObject({ owner: { run, beat: 1 }, beats: true });
    const released = lockOwner(state, signal, 20_000);
    await state.remove('lock');
    expect(await released).toBeUndefined();
  });

  it('cannot be told of one elsewhere that has just given the lock back, and asks the live registry maybe', async () => {
    await foreign(elsewhere);
    const line = { type: 'released', at: new Date().toISOString() };
    appendFileSync(join(directory.path, logOf(run)), `${JSON.stringify(line)}\n`);
    expect(await one()).toMatchObject({ state: 'unknown' });
    const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
    await state.replaceIf(logOf(run), text(), text().replaceAll(/"at":"[^"]*"/g, `"at":"${hourAgo}"`));
    expect(await one()).toMatchObject({ state: 'killed' });
  });
});
