import { describe, expect, it } from 'vitest';
import { memoryStorage } from '../../../src/storage/memory.ts';
import { openState } from '../../../src/storage/open.ts';
import type { Removed } from '../../../src/storage/storage.ts';
import { entriesOf } from '../../contracts/storage.contract.ts';
import { faultyState, faultyStorage } from '../../support/faulty-storage.ts';
import { filesystemBench } from '../../support/storage-bench.ts';

describe('a faulty storage', () => {
  it('fails the nth call of a method, and no other', async () => {
    const memory = memoryStorage();
    memory.put('a', 'x');
    const storage = faultyStorage(memory, { method: 'read', nth: 2, errno: 'EIO' });
    expect(await storage.read('a')).toHaveLength(1);
    await expect(storage.read('a')).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: 'Could not read memory:/a: i/o error (EIO).',
      cause: { code: 'EIO' },
    });
    expect(await storage.read('a')).toHaveLength(1);
  });

  it('counts only calls whose key matches', async () => {
    const storage = faultyStorage(memoryStorage(), { method: 'stat', nth: 2, errno: 'EACCES', key: /^b/ });
    await storage.stat('b1');
    await storage.stat('a');
    await expect(storage.stat('b2')).rejects.toMatchObject({ cause: { code: 'EACCES' } });
  });

  it('answers a failed removal key by key, and removes the rest', async () => {
    const memory = memoryStorage();
    for (const key of ['a', 'b', 'c']) memory.put(key, 'x');
    const storage = faultyStorage(memory, { method: 'remove', nth: 1, errno: 'EROFS', key: /b/ });
    const told: string[] = [];
    let asked = 0;
    const before = async () => void asked++;
    const tell = ({ key, outcome }: Removed) => told.push(`${key} ${outcome}`);
    expect(await storage.remove(['a', 'b', 'c', 'd'], before, tell)).toEqual([
      { key: 'a', outcome: 'removed' },
      { key: 'b', outcome: 'failed', reason: 'EROFS' },
      { key: 'c', outcome: 'removed' },
      { key: 'd', outcome: 'absent' },
    ]);
    expect(memory.keys()).toEqual(['b']);
    expect(told.sort()).toEqual(['a removed', 'b failed', 'c removed', 'd absent']);
    expect(asked).toBe(2);
  });

  it('fails a listing when it is begun', async () => {
    const storage = faultyStorage(memoryStorage(), { method: 'list', nth: 1, errno: 'ESTALE' });
    await expect(entriesOf(storage)).rejects.toMatchObject({ cause: { code: 'ESTALE' } });
    expect(await entriesOf(storage)).toEqual([]);
  });
});

describe('a faulty state', () => {
  it('fails the nth call of a method, and goes on after it', async () => {
    const bench = filesystemBench();
    const state = faultyState(await openState(bench.root), { method: 'append', nth: 2, errno: 'ENOSPC' });
    await state.append('journal', 'one');
    await expect(state.append('journal', 'two')).rejects.toMatchObject({ cause: { code: 'ENOSPC' } });
    await state.append('journal', 'three');
    expect((await state.read('journal'))?.text).toBe('one\nthree\n');
    await bench.dispose();
  });
});
