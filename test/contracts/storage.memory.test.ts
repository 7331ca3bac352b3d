import { describe, expect, it } from 'vitest';
import { memoryStorage } from '../../src/storage/memory.ts';
import { memoryBench } from '../support/storage-bench.ts';
import { describeStorage, entriesOf } from './storage.contract.ts';

describeStorage('memory', memoryBench);

describe('memory', () => {
  it('takes the time of what is put from its clock, unless it is told', async () => {
    const storage = memoryStorage(() => 5);
    storage.put('a/file', 'x');
    storage.put('b', 'x', 6);
    storage.mkdir('c/', 7);
    expect((await entriesOf(storage)).map(({ modified }) => modified)).toEqual([5, 6, 7]);
    expect((await storage.stat('a'))?.modified).toBe(5);
  });

  it('can have files without a time', async () => {
    const storage = memoryStorage();
    storage.put('file', 'x');
    storage.touch('file', undefined);
    expect(await storage.stat('file')).toEqual({ key: 'file', type: 'file', size: 1, modified: undefined });
  });

  it('replaces a file that is put again, and keeps no bytes of the one who put it', async () => {
    const storage = memoryStorage();
    const bytes = Buffer.from('new');
    storage.put('file', 'old');
    storage.put('file', bytes);
    bytes.fill(0);
    expect(Buffer.from((await storage.read('file')) ?? []).toString()).toBe('new');
  });

  it('does not put a file where a directory is, or below a file', () => {
    const storage = memoryStorage();
    storage.put('a/file', 'x');
    expect(() => storage.put('a', 'x')).toThrow('EISDIR');
    expect(() => storage.put('a/file/below', 'x')).toThrow('ENOTDIR');
    expect(() => storage.put('../a', 'x')).toThrow('does not name anything below the root');
    expect(() => storage.touch('missing', 1)).toThrow('ENOENT');
  });
});
