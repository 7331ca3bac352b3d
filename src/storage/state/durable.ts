import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '../failure.ts';

const temporaryName = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** Whether a file was made by `withTemporary`: left over by a crash, when nobody is at work. */
export function isTemporary(name: string): boolean {
  return temporaryName.test(name);
}

/**
 * Creates the directory (mode 0700) and the parents that it misses, so that they are there after a power cut. Returns
 * the uppermost that was made, if any.
 */
export async function ensureDirectory(directory: string): Promise<string | undefined> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return undefined;
  for (let made = directory; made !== dirname(first); made = dirname(made))
    await syncDirectory(dirname(made));
  return first;
}

/** Removes the directories that `ensureDirectory` made, as far as nothing is in them. */
export async function removeEmptied(directory: string, first: string | undefined): Promise<void> {
  if (first === undefined) return;
  for (let made = directory; made !== dirname(first); made = dirname(made)) {
    try {
      await rmdir(made);
    } catch {
      // Somebody uses it by now, or it is the smaller part of what is wrong here.
      return;
    }
  }
}

/** Makes the names in a directory durable. File systems that cannot (some in user space) say EINVAL or ENOTSUP. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOTSUP') throw error;
  } finally {
    await handle.close();
  }
}

/** Calls `use` with a file beside `path` that holds `text`, durably. Afterwards it is gone, whatever happened. */
export async function withTemporary<T>(
  path: string,
  text: string,
  use: (temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return await use(temporary);
  } finally {
    await unlink(temporary).catch(unlessAbsent);
  }
}

/** For `catch`: that there was nothing is no failure. */
export function unlessAbsent(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error;
}
