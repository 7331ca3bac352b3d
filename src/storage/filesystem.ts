import { fail } from '../errors.ts';
import { makeBreath } from './breath.ts';
import { listTree } from './filesystem/list.ts';
import { openParallel, worthThreads } from './filesystem/parallel.ts';
import { openFileAt, readFileAt } from './filesystem/read.ts';
import { removableBelow } from './filesystem/removable.ts';
import { Root } from './filesystem/root.ts';
import { keyProblem } from './key.ts';
import { removeKeys } from './removal.ts';
import type { Storage } from './storage.ts';

/**
 * A directory as storage. `root` is what the registry calls `rootdirectory`; its real path is taken once, here.
 * Throws STORAGE_FAILED when it is missing or no directory.
 */
export function openFilesystem(directory: string): Storage {
  const root = new Root(directory);
  const breath = makeBreath();
  return {
    name: 'filesystem',
    near: { driver: 'filesystem', root: root.path },
    locate: (key) => root.locate(key),
    list: (prefix, skip) => listTree(root, breath, prefix, skip),
    async read(key, limit = Number.POSITIVE_INFINITY) {
      await breath();
      return readFileAt(root, key, limit);
    },
    open: (key) => openFileAt(root, key),
    async stat(key) {
      await breath();
      const reason = keyProblem(key);
      if (reason !== undefined) fail('STORAGE_FAILED', { deed: 'look at', path: root.locate(key), reason });
      return root.entry(key, 'look at');
    },
    async remove(keys, ...how) {
      root.assertSame('remove from');
      return removeKeys(removableBelow(root, breath), keys, ...how);
    },
    parallel: { from: worthThreads, open: (permit) => openParallel(root, permit) },
  };
}
