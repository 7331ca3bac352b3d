import { lstatSync, renameSync } from 'node:fs';
import { link, readdir, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CleanupError, fail, problem } from '../errors.ts';
import { errnoOf, isAbsence, reasonOfErrno, storageFailure } from './failure.ts';
import { fileKeyProblem, prefixProblem } from './key.ts';
import {
  ensureDirectory,
  isTemporary,
  removeEmptied,
  syncDirectory,
  unlessAbsent,
  withTemporary,
} from './state/durable.ts';
import { appendTo, createInPlace, overwrite, readText } from './state/in-place.ts';
import { isNoRoom, Reserve, reserveName } from './state/reserve.ts';
import type { State } from './storage.ts';

/** Pieces of the reserve that are left to lock and journal: records and logs of runs make do with the others. */
const keptForLock = 6;
/** How often a write begins again whose temporary file somebody swept: the lock has changed hands by then. */
const attempts = 5;

/**
 * State as files in `directory` (mode 0700), which is created when the first of them is. Every method throws
 * STORAGE_FAILED for what the system refuses, and STATE_NO_ROOM when the disk is full and the reserve is used up.
 *
 * `createExclusive` is exclusive: link(2) fails when the name is taken, on network file systems too, and what it
 * names is whole. `replaceIf` compares and then renames, and no system call does both at once: two runs that replace
 * the same dead owner's lock in the same few microseconds could both get through the comparison. The later rename
 * wins. The other run sees it when it reads back what it wrote, after a flush to disk that takes far longer than that
 * gap; or, stopped right in the gap, at its next heartbeat or check, which it does before every batch of deletions.
 */
export function filesystemState(directory: string): State {
  const root = resolve(directory);
  const reserve = new Reserve(root);
  const locate = (key: string): string => (key === '' ? root : `${root}/${key}`);

  /** Whether our directory is there. A symlink in its place may have been laid by whoever writes to the storage. */
  function isThere(key = ''): boolean {
    const stats = lstatSync(locate(key), { throwIfNoEntry: false });
    if (stats?.isSymbolicLink())
      refuse('use', key, 'it is a symbolic link, which is not followed: name what it leads to');
    return stats !== undefined;
  }

  function refuse(deed: string, key: string, reason: string): never {
    return fail('STORAGE_FAILED', { deed, path: locate(key), reason });
  }

  function failure(deed: string, key: string, error: unknown): CleanupError {
    if (error instanceof CleanupError) return error;
    const path = locate(key);
    if (!isNoRoom(error)) return storageFailure(deed, path, error);
    return problem('STATE_NO_ROOM', { deed, path, reason: reasonOfErrno(error), directory: root }, error);
  }

  /** The path of `key`, for `work`; its failures are told with it. */
  async function on<T>(deed: string, key: string, work: (path: string) => Promise<T> | T): Promise<T> {
    const reason = keyProblem(key);
    if (reason !== undefined) refuse(deed, key, reason);
    try {
      isThere();
      if (key.includes('/')) isThere(dirname(key));
      return await work(locate(key));
    } catch (error) {
      throw failure(deed, key, error);
    }
  }

  /** As `on`, for work that takes room: on a full disk it begins again with what the reserve gives up for it. */
  function withRoom<T>(
    deed: string,
    key: string,
    keep: number,
    work: (path: string) => Promise<T>,
  ): Promise<T> {
    return on(deed, key, async (path) => {
      for (;;) {
        try {
          return await work(path);
        } catch (error) {
          if (!isNoRoom(error) || !(await reserve.giveUp(keep))) throw error;
        }
      }
    });
  }

  async function namesBelow(prefix: string): Promise<string[]> {
    const names: string[] = [];
    for (const entry of await readdir(locate(prefix), { withFileTypes: true })) {
      const key = prefix + entry.name;
      if (key === reserveName) continue;
      if (entry.isDirectory()) names.push(...(await namesBelow(`${key}/`)));
      else names.push(key);
    }
    return names;
  }

  return {
    locate,
    createExclusive: (key, text) =>
      withRoom('create', key, keepFor(key, true), async (path) => {
        const made = await ensureDirectory(dirname(path));
        try {
          return await unlessSwept(() => createWhole(path, text));
        } catch (error) {
          // As it was: a run that cannot even take the lock changes nothing.
          await removeEmptied(dirname(path), made);
          throw error;
        }
      }),
    replaceIf: (key, expected, text) =>
      withRoom('replace', key, keepFor(key, true), (path) =>
        unlessSwept(() => replaceWhole(path, expected, text)).catch((error: unknown) => {
          if (!isNoRoom(error)) throw error;
          return overwrite(path, expected, text);
        }),
      ),
    append: (key, line) =>
      withRoom('append to', key, keepFor(key), async (path) => {
        if (line.includes('\n')) throw new Error('a line holds no newline');
        await appendTo(path, line, () => reserve.giveUp(keepFor(key)));
      }),
    read: (key) => on('read', key, readText),
    async list(prefix) {
      const reason = prefixProblem(prefix);
      if (reason !== undefined) refuse('list', prefix, reason);
      try {
        const names = isThere() ? await namesBelow(prefix) : [];
        return names.filter((key) => !isTemporary(key)).sort();
      } catch (error) {
        if (isAbsence(error)) return [];
        throw failure('list', prefix, error);
      }
    },
    // On some file systems it takes room to remove something.
    remove: (key) =>
      withRoom('remove', key, keepFor(key), async (path) => {
        await unlink(path).catch(unlessAbsent);
        await syncDirectory(dirname(path)).catch(unlessAbsent);
      }),
    async prepare() {
      try {
        if (!isThere()) return;
        for (const key of await namesBelow('')) {
          if (isTemporary(key)) await unlink(locate(key)).catch(unlessAbsent);
        }
        await reserve.fill();
      } catch (error) {
        throw failure('prepare', '', error);
      }
    },
  };
}

function keyProblem(key: string): string | undefined {
  if (isTemporary(key)) return 'the name is one of a temporary file';
  if (key === reserveName || key.startsWith(`${reserveName}/`)) return 'the name is that of the reserve';
  return fileKeyProblem(key);
}

/** How many pieces of the reserve a write must leave. `whole`: it writes the whole file, and a record may be long. */
function keepFor(key: string, whole = false): number {
  if (!key.startsWith('runs/')) return 0;
  return whole ? Number.POSITIVE_INFINITY : keptForLock;
}

/** False if it exists. Undefined: its temporary file was swept. */
function createWhole(path: string, text: string): Promise<boolean | undefined> {
  return withTemporary(path, text, async (temporary) => {
    try {
      await link(temporary, path);
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      if (errno === 'EEXIST') return false;
      if (errno === 'ENOENT') return undefined;
      // No hard links (FAT, some file systems in user space): exclusive all the same, and not whole at once.
      if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errno)) return createInPlace(path, text);
      throw error;
    }
    await syncDirectory(dirname(path));
    return true;
  });
}

/** False if it reads otherwise. Undefined: its temporary file was swept. */
async function replaceWhole(path: string, expected: string, text: string): Promise<boolean | undefined> {
  if (readText(path)?.text !== expected) return false;
  return withTemporary(path, text, async (temporary) => {
    // Synchronous, and after the slow part: as little as can be lies between the comparison and the rename.
    if (readText(path)?.text !== expected) return false;
    try {
      renameSync(temporary, path);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    await syncDirectory(dirname(path));
    return readText(path)?.text === text;
  });
}

async function unlessSwept(write: () => Promise<boolean | undefined>): Promise<boolean> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const done = await write();
    if (done !== undefined) return done;
  }
  throw new Error('its temporary file vanishes again and again');
}
