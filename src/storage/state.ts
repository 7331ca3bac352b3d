import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, renameSync } from 'node:fs';
import { type FileHandle, link, open, readdir, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CleanupError, fail } from '../errors.ts';
import { errnoOf, isAbsence, storageFailure } from './failure.ts';
import { fileKeyProblem, prefixProblem } from './key.ts';
import { ensureDirectory, isTemporary, syncDirectory, unlessAbsent, withTemporary } from './state/durable.ts';
import type { State } from './storage.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
const careful = O_NOFOLLOW | O_NONBLOCK;

/**
 * State as files in `directory` (mode 0700), which is created when the first of them is. Every method throws
 * STORAGE_FAILED for what the system refuses.
 *
 * `createExclusive` is exclusive: link(2) fails when the name is taken, on network file systems too, and what it
 * names is whole. `replaceIf` compares and then renames, and no system call does both at once: two runs that replace
 * the same dead owner's lock in the same few microseconds could both get through the comparison. The later rename
 * wins. The other run sees it when it reads back what it wrote, after a flush to disk that takes far longer than that
 * gap; or, stopped right in the gap, at its next heartbeat or check, which it does before every batch of deletions.
 */
export function filesystemState(directory: string): State {
  const root = resolve(directory);
  const locate = (key: string): string => (key === '' ? root : `${root}/${key}`);

  /** Whether our directory is there. A symlink in its place may have been laid by whoever writes to the storage. */
  function isThere(): boolean {
    const stats = lstatSync(root, { throwIfNoEntry: false });
    if (stats?.isSymbolicLink())
      refuse('use', '', 'it is a symbolic link, which is not followed: name what it leads to');
    return stats !== undefined;
  }

  function refuse(deed: string, key: string, reason: string): never {
    return fail('STORAGE_FAILED', { deed, path: locate(key), reason });
  }

  /** The path of `key`, for `work`; its failures are told with it. */
  async function on<T>(deed: string, key: string, work: (path: string) => Promise<T> | T): Promise<T> {
    const reason =
      fileKeyProblem(key) ?? (isTemporary(key) ? 'the name is one of a temporary file' : undefined);
    if (reason !== undefined) refuse(deed, key, reason);
    try {
      isThere();
      return await work(locate(key));
    } catch (error) {
      throw error instanceof CleanupError ? error : storageFailure(deed, locate(key), error);
    }
  }

  async function namesBelow(prefix: string): Promise<string[]> {
    const names: string[] = [];
    for (const entry of await readdir(locate(prefix), { withFileTypes: true })) {
      const key = prefix + entry.name;
      if (entry.isDirectory()) names.push(...(await namesBelow(`${key}/`)));
      else if (!isTemporary(key)) names.push(key);
    }
    return names;
  }

  return {
    locate,
    createExclusive: (key, text) =>
      on('create', key, async (path) => {
        await ensureDirectory(dirname(path));
        return withTemporary(path, text, async (temporary) => {
          try {
            await link(temporary, path);
          } catch (error) {
            if (errnoOf(error) === 'EEXIST') return false;
            throw error;
          }
          await syncDirectory(dirname(path));
          return true;
        });
      }),
    replaceIf: (key, expected, text) =>
      on('replace', key, async (path) => {
        if (readText(path)?.text !== expected) return false;
        return withTemporary(path, text, async (temporary) => {
          // Synchronous, and after the slow part: as little as can be lies between the comparison and the rename.
          if (readText(path)?.text !== expected) return false;
          renameSync(temporary, path);
          await syncDirectory(dirname(path));
          return readText(path)?.text === text;
        });
      }),
    append: (key, line) =>
      on('append to', key, async (path) => {
        if (line.includes('\n')) throw new Error('a line holds no newline');
        const existing = await openIfThere(path, O_RDWR | O_APPEND | careful);
        if (existing === undefined) await ensureDirectory(dirname(path));
        const file = existing ?? (await open(path, O_RDWR | O_APPEND | O_CREAT | careful, 0o600));
        try {
          if (!(await file.stat()).isFile()) refuse('append to', key, 'it is not a file');
          await file.writeFile(`${(await endsInLine(file)) ? '\n' : ''}${line}\n`);
          await file.datasync();
        } finally {
          await file.close();
        }
        if (existing === undefined) await syncDirectory(dirname(path));
      }),
    read: (key) => on('read', key, readText),
    async list(prefix) {
      const reason = prefixProblem(prefix);
      if (reason !== undefined) refuse('list', prefix, reason);
      try {
        return isThere() ? (await namesBelow(prefix)).sort() : [];
      } catch (error) {
        if (isAbsence(error)) return [];
        throw error instanceof CleanupError ? error : storageFailure('list', locate(prefix), error);
      }
    },
    remove: (key) =>
      on('remove', key, async (path) => {
        await unlink(path).catch(unlessAbsent);
        await syncDirectory(dirname(path)).catch(unlessAbsent);
      }),
  };
}

/** Undefined where there is no such file. */
function readText(path: string): { readonly text: string; readonly modified: number } | undefined {
  let file: number;
  try {
    file = openSync(path, O_RDONLY | careful);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) fail('STORAGE_FAILED', { deed: 'read', path, reason: 'it is not a file' });
    return { text: readFileSync(file, 'utf8'), modified: stats.mtimeMs };
  } finally {
    closeSync(file);
  }
}

async function openIfThere(path: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(path, flags);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** Whether the file ends in the middle of a line, cut off by a crash or a full disk: what follows must begin its own. */
async function endsInLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}
