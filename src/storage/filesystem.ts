import { rmdirSync, unlinkSync } from 'node:fs';
import { fail } from '../errors.ts';
import { makeBreath } from './breath.ts';
import { listTree } from './filesystem/list.ts';
import { openFileAt, readFileAt } from './filesystem/read.ts';
import { entryOf, Root, type Way } from './filesystem/root.ts';
import { keyProblem } from './key.ts';
import { behindSymlink, type Removable, removeKeys } from './removal.ts';
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
    async remove(keys, before, tell) {
      root.assertSame('remove from');
      return removeKeys(removableBelow(root, breath), keys, before, tell);
    },
  };
}

/** The ways to keys are kept for one call: within it only we change what leads there. */
function removableBelow(root: Root, breath: () => Promise<void> | undefined): Removable {
  const known = new Map<string, Way>();
  return {
    look(key) {
      const way = root.wayTo(key, 'remove', known);
      if (typeof way === 'object') return { closed: behindSymlink(root.locate(way.symlink)) };
      const stats = way === 'open' ? root.lstat(key, 'remove') : undefined;
      return stats === undefined ? undefined : entryOf(key, stats).type;
    },
    unlink: (key) => unlinkSync(root.pathOf(key)),
    rmdir: (key) => rmdirSync(root.pathOf(key)),
    breath,
  };
}
