import { describe, expect, it } from 'vitest';
import type { Left } from '../../../src/apply/apply.ts';
import type { Collection } from '../../../src/apply/collector.ts';
import { sweptDirectories, tidy } from '../../../src/apply/tidy.ts';
import { problem } from '../../../src/errors.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { faultyStorage } from '../../support/faulty-storage.ts';
import { heldLock } from '../../support/held.ts';
import { at } from '../../support/layout.ts';
import { hour, memoryRegistry } from '../../support/memory-registry.ts';

const { signal } = new AbortController();

function tidyUp(storage: Storage, plan: Plan, emptyDirectories: readonly string[] = []) {
  return tidy(storage, plan, heldLock(), emptyDirectories, { signal });
}

describe('tidy', () => {
  it('removes old uploads whole, and no other', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    made.upload('app', 'old');
    made.storage.put(`${at.upload('app', 'old')}/hashstates/sha256/0`, 'state', 0);
    made.upload('app', 'young', { age: hour });
    const before = made.storage.keys();
    const { uploads, left } = await tidyUp(made.storage, await made.plan());
    expect([uploads, left]).toEqual([1, []]);
    expect(made.storage.keys()).toEqual(
      before.filter((key) => !key.startsWith(`${at.upload('app', 'old')}/`)),
    );
  });

  it('counts an upload only when all of it is gone, and tells what is left of it', async () => {
    const made = memoryRegistry();
    made.upload('app', 'one');
    made.upload('app', 'two');
    const plan = await made.plan();
    const stuck = `${at.upload('app', 'one')}/data`;
    const fault = { method: 'remove', nth: 1, errno: 'EACCES', key: new RegExp(stuck) } as const;
    const { uploads, left } = await tidyUp(faultyStorage(made.storage, fault), plan);
    expect(uploads).toBe(1);
    expect(left).toEqual([{ key: stuck, reason: 'EACCES' }]);
    expect(made.storage.keys()).toEqual([stuck]);
  });

  it('removes an empty repository, whatever empty directories a deletion through the API left in it', async () => {
    const made = memoryRegistry();
    const own = at.repository('app');
    const hex = 'ab'.repeat(32);
    for (const left of [
      '_layers',
      `_manifests/revisions/sha256/${hex}`,
      `_manifests/tags/v1/index/sha256/${hex}`,
      '_uploads',
    ]) {
      made.storage.mkdir(`${own}/${left}/`);
    }
    made.image('app/nested', { tags: ['v1'] });
    const nested = made.storage.keys().filter((key) => key.includes('/nested/'));
    const plan = await made.plan({ removeEmptyRepositories: true });
    const { repositories, left } = await tidyUp(made.storage, plan);
    expect([repositories, left]).toEqual([1, []]);
    expect(made.storage.keys().filter((key) => key.startsWith(own))).toEqual(nested);
  });

  it('removes _layers last, without which a 2.x registry does not see what else there is', async () => {
    const made = memoryRegistry();
    for (const area of ['_layers', '_manifests/tags', '_uploads']) {
      made.storage.mkdir(`${at.repository('app')}/${area}/`);
    }
    const plan = await made.plan({ removeEmptyRepositories: true });
    const order: string[] = [];
    const storage: Storage = {
      ...made.storage,
      remove(keys, before, tell) {
        order.push(...keys.map((key) => key.slice(at.repository('app').length + 1)));
        return made.storage.remove(keys, before, tell);
      },
    };
    await tidyUp(storage, plan);
    expect(order.at(-1)).toBe('_layers/');
    expect(order.indexOf('_manifests/')).toBeGreaterThan(order.indexOf('_uploads/'));
  });

  it('leaves a repository in which something is after all, and says what', async () => {
    const made = memoryRegistry();
    made.storage.mkdir(`${at.repository('app')}/_layers/`);
    const plan = await made.plan({ removeEmptyRepositories: true });
    const layer = made.layer('app', 'pushed meanwhile');
    const before = made.storage.keys();
    const { repositories, left } = await tidyUp(made.storage, plan);
    expect(repositories).toBe(0);
    expect(left).toEqual([
      { key: at.layer('app', layer), reason: 'left, and its repository with it: it is not empty' },
    ]);
    expect(made.storage.keys()).toEqual(before);
  });

  it('leaves a repository that holds a file which is not the registry’s', async () => {
    const made = memoryRegistry();
    made.storage.mkdir(`${at.repository('app')}/_layers/`);
    made.storage.put(`${at.repository('app')}/_manifests/notes.txt`, 'mine');
    const plan = await made.plan({ removeEmptyRepositories: true });
    const { repositories, left } = await tidyUp(made.storage, plan);
    expect(repositories).toBe(0);
    expect(left).toMatchObject([{ key: `${at.repository('app')}/_manifests/notes.txt` }]);
    expect(made.storage.keys()).toContain(`${at.repository('app')}/_layers/`);
  });

  it('removes empty directories with the parents that they empty, and thinks nothing of one that is not empty', async () => {
    const made = memoryRegistry();
    const hex = 'ab'.repeat(32);
    const empty = `${at.blobs}/sha256/ab/${hex}/`;
    made.storage.mkdir(empty);
    const kept = made.blob('kept');
    const occupied = `${at.blob(kept).split('/').slice(0, -2).join('/')}/`;
    const plan = await made.plan();
    const { directories, left } = await tidyUp(made.storage, plan, [empty, occupied, `${at.blobs}/none/`]);
    expect([directories, left]).toEqual([1, []]);
    expect(made.storage.keys()).toEqual([at.blob(kept)]);
  });

  it('tells of an empty directory that could not be removed for another reason', async () => {
    const made = memoryRegistry();
    const empty = `${at.blobs}/sha256/ab/`;
    made.storage.mkdir(empty);
    const fault = { method: 'remove', nth: 1, errno: 'EACCES' } as const;
    const { directories, left } = await tidyUp(faultyStorage(made.storage, fault), await made.plan(), [
      empty,
    ]);
    expect([directories, left]).toEqual([0, [{ key: empty, reason: 'EACCES' }]]);
  });

  it('tells what stays at once, and asks for the lock before every single removal', async () => {
    const made = memoryRegistry();
    for (const id of ['one', 'two', 'three']) made.upload('app', id);
    const plan = await made.plan();
    const stuck = `${at.upload('app', 'one')}/data`;
    const fault = { method: 'remove', nth: 1, errno: 'EROFS', key: new RegExp(stuck) } as const;
    const told: Left[] = [];
    let asked = 0;
    const stillOurs = async () => {
      if (++asked === 4) throw problem('LOCK_LOST', { path: '/lock' });
    };
    const options = { signal, onLeft: (left: Left) => told.push(left) };
    const faulty = faultyStorage(made.storage, fault);
    const tidying = tidy(faulty, plan, { ...heldLock(), stillOurs }, [], options);
    await expect(tidying).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(told).toEqual([{ key: stuck, reason: 'EROFS' }]);
    expect(made.storage.keys()).not.toEqual([stuck]);
  });

  it('removes nothing once the lock is lost, or it is interrupted', async () => {
    const made = memoryRegistry();
    made.upload('app', 'old');
    const plan = await made.plan();
    const before = made.storage.keys();
    const lost = tidy(made.storage, plan, heldLock({ lostFrom: 1 }), [], { signal });
    await expect(lost).rejects.toMatchObject({ code: 'LOCK_LOST' });
    const interrupted = AbortSignal.abort(new Error('Ctrl-C'));
    await expect(tidy(made.storage, plan, heldLock(), [], { signal: interrupted })).rejects.toThrow('Ctrl-C');
    const stillSafe = () => Promise.reject(new Error('the fence is broken'));
    const broken = tidy(made.storage, plan, heldLock(), [], { signal, stillSafe });
    await expect(broken).rejects.toThrow('the fence is broken');
    expect(made.storage.keys()).toEqual(before);
  });
});

describe('sweptDirectories', () => {
  it('names the prefix of every swept blob once', async () => {
    const made = memoryRegistry();
    const digests = Array.from({ length: 300 }, (_, number) => made.blob(`blob ${number}`));
    const inventory = await made.read();
    const sweeps = new Uint8Array(inventory.digestCount);
    const swept = digests.slice(0, 200);
    for (const digest of swept) sweeps[inventory.find(digest)] = 1;
    const collection: Collection = {
      sweeps,
      unknown: [],
      blobs: swept.length,
      marked: new Set(),
      manifests: new Set(),
    };
    const prefixes = new Set(swept.map((digest) => `${at.blobs}/sha256/${digest.slice(7, 9)}/`));
    const found = sweptDirectories(inventory, collection);
    expect(found.toSorted()).toEqual([...prefixes].sort());
  });
});
