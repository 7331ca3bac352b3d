import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openState, openStorage } from '../../../src/storage/open.ts';
import { filesystemBench } from '../../support/storage-bench.ts';

describe('opening', () => {
  let bench: ReturnType<typeof filesystemBench>;
  beforeEach(() => {
    bench = filesystemBench();
  });
  afterEach(() => bench.dispose());

  it('gives a storage on the directory, which can remove', async () => {
    bench.put('a/file', 'x');
    const storage = await openStorage({ driver: 'filesystem', root: bench.root });
    expect(storage.name).toBe('filesystem');
    expect(await storage.remove(['a/file'])).toEqual([{ key: 'a/file', outcome: 'removed' }]);
  });

  it('gives one that cannot, read-only', async () => {
    bench.put('a/file', 'x');
    const storage = await openStorage({ driver: 'filesystem', root: bench.root, readOnly: true });
    await expect(storage.remove(['a/file'])).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
    expect(await storage.stat('a/file')).toBeDefined();
  });

  it('fails on a root that is missing', async () => {
    const root = `${bench.root}/missing`;
    await expect(openStorage({ driver: 'filesystem', root })).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
    });
  });

  it('gives the state in a directory, and creates nothing to look', async () => {
    const state = await openState(`${bench.root}/.own`);
    expect(await state.list('')).toEqual([]);
    expect(bench.left()).toEqual([]);
    expect(await state.createExclusive('lock', 'x')).toBe(true);
    expect(bench.left()).toEqual(['.own/lock']);
  });
});
