import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs';
import { errnoOf, isAbsence, storageFailure } from '../failure.ts';
import type { Near, NearFile, NearName } from '../near.ts';
import { isRawName, nameOfBytes } from '../raw-name.ts';
import { isLocal } from './local.ts';
import { isAnyOdd, typedNames } from './names.ts';
import { openFlags } from './read.ts';
import { Root } from './root.ts';

const quietly = { throwIfNoEntry: false } as const;

/** Below `directory` (a real path). Throws STORAGE_FAILED when there is no such directory. */
export function nearFilesystem(directory: string): Near {
  const root = new Root(directory);
  const base = root.path === '/' ? '/' : `${root.path}/`;
  let buffer = Buffer.allocUnsafeSlow(64 * 1024);

  /** Undefined where there is nothing, or something that cannot be opened without following or waiting. */
  function open(key: string): number | undefined {
    try {
      return openSync(base + key, openFlags);
    } catch (error) {
      if (isAbsence(error) || isNoFile(error)) return undefined;
      throw storageFailure('read', base + key, error);
    }
  }

  /** Calls `read` with what can be opened. Undefined also where that has no content. */
  function withOpen<T>(key: string, read: (file: number) => T): T | undefined {
    const file = open(key);
    if (file === undefined) return undefined;
    try {
      return read(file);
    } catch (error) {
      if (hasNoContent(error)) return undefined;
      throw storageFailure('read', base + key, error);
    } finally {
      closeSync(file);
    }
  }

  return {
    seesChanges: isLocal(root.path),
    assertSame: () => root.assertSame('list'),
    enter: (key) => root.entry(key, 'list') !== undefined,
    weight: (key) => root.lstat(key, 'list')?.size ?? 0,
    names(key) {
      try {
        const names = typedNames(base + key);
        return names === undefined || isAnyOdd(names)
          ? lookedUp(root, key, readdirSync(base + key, { encoding: 'buffer' }))
          : names;
      } catch (error) {
        if (isAbsence(error)) return undefined;
        throw storageFailure('list', root.locate(key), error);
      }
    },
    file(key) {
      let stats: Stats | undefined;
      try {
        stats = lstatSync(base + key, quietly);
      } catch (error) {
        if (isAbsence(error)) return undefined;
        throw storageFailure('list', base + key, error);
      }
      return stats?.isFile() ? stats : undefined;
    },
    peek: (key, into) =>
      withOpen(key, (file): NearFile | undefined => {
        const stats = fstatSync(file);
        if (!stats.isFile()) return undefined;
        const { mtimeMs, ctimeMs } = stats;
        return { size: readSync(file, into), mtimeMs, ctimeMs };
      }),
    bytes: (key, limit) =>
      withOpen(key, (file) => {
        // Asked for more than there is, a file gives all of it at once: nearly always this is the one call it takes.
        let length = readSync(file, buffer, 0, buffer.length, 0);
        if (length === buffer.length) {
          const stats = fstatSync(file);
          if (!stats.isFile() || stats.size > limit) return undefined;
          // One more, to see that it has not grown: a file that has is read again by whoever finds it odd.
          if (stats.size >= length) buffer = Buffer.allocUnsafeSlow(stats.size + 1);
          length = readSync(file, buffer, 0, buffer.length, 0);
        }
        return length > limit ? undefined : buffer.subarray(0, length);
      }),
  };
}

/** Names that were listed without their types. What has vanished since is left out. */
function lookedUp(root: Root, directory: string, names: readonly Buffer[]): readonly NearName[] {
  return names.map(nameOfBytes).flatMap((name): NearName[] => {
    if (isRawName(name)) return [{ name, isFile: () => false, isDirectory: () => false }];
    const stats = root.lstat(directory + name, 'list');
    if (stats === undefined) return [];
    return [{ name, isFile: () => stats.isFile(), isDirectory: () => stats.isDirectory() }];
  });
}

/** A directory, a FIFO or a terminal. */
function hasNoContent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'EISDIR' || errno === 'ESPIPE' || errno === 'EAGAIN';
}

/** A symlink, a socket or a device without a driver. */
function isNoFile(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ELOOP' || errno === 'ENXIO' || errno === 'ENODEV';
}
