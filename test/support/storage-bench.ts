import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openFilesystem } from '../../src/storage/filesystem.ts';
import { type MemoryStorage, memoryStorage } from '../../src/storage/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Bench } from '../contracts/storage.contract.ts';
import { walk } from './tree.ts';

/** A bench on a directory, with a canary beside the root. `root` is its real path. */
export function filesystemBench(): Bench<Storage> & { readonly root: string } {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'storage-')));
  const root = join(base, 'root');
  mkdirSync(root);
  writeFileSync(join(base, 'canary'), 'alive');
  const path = (key: string): string => join(root, key);
  const withParent = (key: string): string => {
    mkdirSync(dirname(path(key)), { recursive: true });
    return path(key);
  };
  return {
    root,
    storage: openFilesystem(root),
    put(key, content, modified) {
      writeFileSync(withParent(key), content);
      if (modified !== undefined) utimesSync(path(key), modified / 1_000, modified / 1_000);
    },
    mkdir: (key) => mkdirSync(path(key), { recursive: true }),
    symlink: (key, target) => symlinkSync(target, withParent(key)),
    other: (key) => void execFileSync('mkfifo', ['--', withParent(key)]),
    drop: (key) => rmSync(path(key), { recursive: true }),
    left: () => leftBelow(root),
    dispose() {
      try {
        assertNoLitter(base);
      } finally {
        removeTree(base);
      }
    },
  };
}

/** A bench in memory. */
export function memoryBench(): Bench<MemoryStorage> {
  const storage = memoryStorage();
  return {
    storage,
    put: storage.put,
    mkdir: (key) => storage.mkdir(key),
    symlink: (key) => storage.symlink(key),
    other: (key) => storage.other(key),
    drop: storage.drop,
    left: () => storage.keys(),
    dispose() {},
  };
}

/** `rm -rf`, which takes names that are not UTF-8, and paths longer than a system call does. */
export function removeTree(path: string): void {
  execFileSync('rm', ['-rf', '--', path]);
}

function leftBelow(root: string): string[] {
  const keys: string[] = [];
  for (const { path, stats } of walk(root, false)) {
    if (path === '') continue;
    if (!stats.isDirectory()) keys.push(path);
    else if (readdirSync(join(root, path)).length === 0) keys.push(`${path}/`);
  }
  return keys.sort();
}

function assertNoLitter(base: string): void {
  const beside = readdirSync(base).sort();
  if (`${beside}` !== 'canary,root') throw new Error(`left beside the root: ${beside}`);
  if (readFileSync(join(base, 'canary'), 'utf8') !== 'alive')
    throw new Error('the canary beside the root was changed');
  const open = openFilesBelow(base);
  if (open.length > 0) throw new Error(`left open: ${open}`);
}

/** What this process has open below `directory`. */
export function openFilesBelow(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(`${directory}/`) ? [target] : [];
    } catch (error) {
      // The descriptor with which the directory itself was read is closed by now.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}
