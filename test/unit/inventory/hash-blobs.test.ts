import { expect, test } from 'vitest';
import { hashBlobs } from '../../../src/inventory/hash-blobs.ts';
import type { Reader } from '../../../src/storage/storage.ts';
import { faultyStorage } from '../../support/faulty-storage.ts';
import { at, digestOf } from '../../support/layout.ts';
import { memoryRegistry } from '../../support/memory-registry.ts';

function digest(content: string): string {
  return digestOf(Buffer.from(content));
}

async function hashed(made: ReturnType<typeof memoryRegistry>, reader: Reader = made.storage) {
  const inventory = await made.read();
  return async (during: () => void = () => {}) => {
    const options = { signal: new AbortController().signal, onProgress: during };
    const { corrupt, unreadable, read } = await hashBlobs(reader, inventory, options);
    const named = (ids: Iterable<number>): string[] => [...ids].map((id) => inventory.digest(id));
    return {
      corrupt: named(corrupt),
      unreadable: named(unreadable.keys()),
      reasons: [...unreadable.values()],
      read,
    };
  };
}

test('tells which blobs have other bytes than their name says, and how much was read', async () => {
  const made = memoryRegistry();
  made.blob('whole');
  made.storage.put(at.blob(digest('spoilt')), 'other');
  const look = await hashed(made);
  expect(await look()).toMatchObject({
    corrupt: [digest('spoilt')],
    unreadable: [],
    read: { blobs: 2, bytes: 10 },
  });
});

test('looks twice: a manifest that is being written in place is whole in a moment', async () => {
  const made = memoryRegistry();
  const [first] = [made.blob('in flight'), made.blob('whole')];
  made.storage.put(at.blob(first), 'in fl');
  const look = await hashed(made);
  expect(await look(() => made.storage.put(at.blob(first), 'in flight'))).toMatchObject({ corrupt: [] });
});

test('passes over what is removed meanwhile', async () => {
  const made = memoryRegistry();
  for (const content of ['one', 'two', 'three']) made.blob(content);
  const look = await hashed(made);
  const result = await look(() => {
    for (const content of ['one', 'two', 'three']) made.storage.drop(at.blob(digest(content)));
  });
  expect(result).toMatchObject({ corrupt: [], unreadable: [], read: { blobs: 1 } });
});

test('tells of a blob that the disk fails on, and goes on', async () => {
  const made = memoryRegistry();
  for (const content of ['one', 'two', 'three']) made.blob(content);
  const look = await hashed(made, faultyStorage(made.storage, { method: 'open', nth: 2, errno: 'EIO' }));
  const result = await look();
  expect(result).toMatchObject({ corrupt: [], unreadable: [expect.any(String)], read: { blobs: 3 } });
  expect(result.reasons).toEqual([expect.stringContaining('EIO')]);
});

test('throws what is no fault of one blob: not to have the rights', async () => {
  const made = memoryRegistry();
  made.blob('one');
  const look = await hashed(made, faultyStorage(made.storage, { method: 'open', nth: 1, errno: 'EACCES' }));
  await expect(look()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
});
