import { describe, expect, it } from 'vitest';
import { lookAtRoot } from '../../../src/inventory/root.ts';
import { memoryStorage } from '../../../src/storage/memory.ts';
import { faultyStorage } from '../../support/faulty-storage.ts';

const v2 = 'docker/registry/v2/';

function holding(...paths: readonly string[]): ReturnType<typeof memoryStorage> {
  const storage = memoryStorage();
  for (const path of paths) path.endsWith('/') ? storage.mkdir(path) : storage.put(path, 'x');
  return storage;
}

describe('lookAtRoot', () => {
  it.each([
    ['nothing', []],
    ['the state of earlier runs', ['.registry-cleanup/runs/1.json']],
    ['lost+found', ['lost+found/#12']],
    ['what a pull-through cache keeps', ['scheduler-state.json']],
    ['the way to a storage, gone part of', ['docker/registry/']],
    ['docker/registry/v2', [v2]],
    ['all of these', ['lost+found/', '.registry-cleanup/', v2]],
  ])('calls empty what holds %s', async (_what, paths) => {
    expect(await lookAtRoot(holding(...paths))).toEqual({ kind: 'empty' });
  });

  it.each([
    [[], [`${v2}repositories/`, `${v2}blobs/`]],
    [['blobs/'], [`${v2}repositories/app/_layers/`]],
    [['repositories/'], [`${v2}blobs/sha256/`]],
    [[], [`${v2}repositories/`, `${v2}blobs/`, 'notes.txt', 'photos/', `${v2}else`]],
  ])(
    'calls a registry what holds one or both of its areas, and tells which is missing: %j',
    async (missing, paths) => {
      expect(await lookAtRoot(holding(...paths))).toEqual({ kind: 'registry', missing });
    },
  );

  it.each([
    ['files', ['notes.txt', 'photos/a.jpg'], ['notes.txt', 'photos/']],
    ['an empty directory', ['photos/'], ['photos/']],
    ['a Docker Engine', ['docker/overlay2/x', 'docker/image/'], ['docker/overlay2/', 'docker/image/']],
    ['a later layout', ['docker/registry/v3/blobs/'], ['docker/registry/v3/']],
    ['both', ['notes.txt', 'docker/x'], ['notes.txt', 'docker/x']],
  ])('calls foreign, and tells what it met, what holds %s', async (_what, paths, found) => {
    const root = await lookAtRoot(holding(...paths, 'lost+found/'));
    expect(root).toEqual({ kind: 'foreign', found: expect.any(Array) });
    expect(root.kind === 'foreign' ? [...root.found].sort() : []).toEqual([...found].sort());
  });

  it.each(['docker', 'docker/registry', `${v2}repositories`, `${v2}blobs`])(
    'calls odd a symlink, a FIFO or a file on the way: %s',
    async (path) => {
      for (const make of ['symlink', 'other', 'put'] as const) {
        const storage = memoryStorage();
        storage[make](path, 'x' as never);
        expect(await lookAtRoot(storage)).toEqual({ kind: 'odd', key: `${path}/` });
      }
    },
  );

  it('fails where it cannot look', async () => {
    const storage = faultyStorage(holding(`${v2}blobs/`), { method: 'list', nth: 1, errno: 'EACCES' });
    await expect(lookAtRoot(storage)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});
