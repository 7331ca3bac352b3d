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

  it.each([
    ['memory', memoryBench],
    ['filesystem', filesystemBench],
  ])(
    'offers no way around: nothing of it changes anything, in no other thread either (%s)',
    (_name, open) => {
      const bench = open();
      // What `near` names is opened to look, and has no method but those that look.
      const looks = ['list', 'locate', 'name', 'near', 'open', 'read', 'stat'];
      expect(Object.keys(readerOf(bench.storage)).sort()).toEqual(looks);
      expect(Object.keys(readonly(bench.storage)).sort()).toEqual([...looks, 'remove'].sort());
      bench.dispose();
    },
  );

  it('tells the name of what it stands before', () => {
    const { storage } = memoryBench();
    expect(readonly(storage).name).toBe('memory');
  });
});
