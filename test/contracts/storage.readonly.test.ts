import { describe, expect, it } from 'vitest';
import { readerOf, readonly } from '../../src/storage/readonly.ts';
import { filesystemBench, memoryBench } from '../support/storage-bench.ts';
import { describeReader } from './storage.contract.ts';

describeReader('readonly(memory)', () => {
  const bench = memoryBench();
  return { ...bench, storage: readonly(bench.storage) };
});

describeReader('readonly(filesystem)', () => {
  const bench = filesystemBench();
  return { ...bench, storage: readonly(bench.storage) };
});

describeReader('readerOf(memory)', () => {
  const bench = memoryBench();
  return { ...bench, storage: readerOf(bench.storage) };
});

describe('readonly', () => {
  it('removes nothing, and calls the attempt a bug', async () => {
    const bench = memoryBench();
    bench.put('a/file', 'x');
    const storage = readonly(bench.storage);
    for (const keys of [['a/file'], ['a/file', 'b'], ['missing'], []]) {
      await expect(storage.remove(keys)).rejects.toMatchObject({
        code: 'STORAGE_READ_ONLY',
        message: expect.stringContaining(bench.storage.locate(keys[0] ?? '')),
      });
    }
    expect(bench.left()).toEqual(['a/file']);
  });

  it('offers no way around: a Reader has no methods that change anything', () => {
    const { storage } = memoryBench();
    expect(Object.keys(readerOf(storage)).sort()).toEqual(['list', 'locate', 'name', 'open', 'read', 'stat']);
    expect(Object.keys(readonly(storage)).sort()).toEqual([
      'list',
      'locate',
      'name',
      'open',
      'read',
      'remove',
      'stat',
    ]);
  });

  it('tells the name of what it stands before', () => {
    const { storage } = memoryBench();
    expect(readonly(storage).name).toBe('memory');
  });
});
