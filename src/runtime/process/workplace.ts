import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import fsExtra from 'fs-extra';
import { fail, problem } from '../../errors.ts';
import { errnoOf, reasonOfErrno, storageFailure } from '../../storage/failure.ts';
import { roomyDirectory } from './room.ts';

/*
 * A directory of our own per child: its generated config.yml, its log. Its name holds the run's id and is part of the
 * child's arguments (`serve <directory>/config.yml`), so a later process finds the child without knowing its pid.
 */

const { remove } = fsExtra;
const prefix = 'registry-cleanup-';
/** Of the run's id: nothing that means something in a path, and never so short that it fits a stranger. */
const idPattern = '[A-Za-z0-9][A-Za-z0-9._-]{3,99}';
const namePattern = new RegExp(`^${prefix}(${idPattern})-(serve|collect)-[0-9a-f]{12}$`);

/** Where a child of run `runId` will work; not created yet. */
export function workplaceFor(runId: string, purpose: 'serve' | 'collect'): string {
  if (!new RegExp(`^${idPattern}$`).test(runId))
    throw new Error(`not the id of a run: ${JSON.stringify(runId)}`);
  return join(roomyDirectory(), `${prefix}${runId}-${purpose}-${randomBytes(6).toString('hex')}`);
}

/** The run whose child has this argument, or undefined if it is no file in such a directory. */
export function runOfArgument(argument: string): string | undefined {
  return namePattern.exec(basename(dirname(argument)))?.[1];
}

/**
 * Creates the directory (0700) with its config.yml (0600; it may hold passwords) and returns the file's path. Throws
 * STORAGE_FAILED.
 */
export async function makeWorkplace(directory: string, configuration: string): Promise<string> {
  const path = join(directory, 'config.yml');
  try {
    // Not recursive: a directory that somebody made before us is not ours, and that is an error.
    await mkdir(directory, { mode: 0o700 });
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(configuration);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw storageFailure('create', path, error);
  }
  return path;
}

/**
 * Removes it with all that is in it. Absent is fine. `directory` may come from a journal: only ours is removed. Throws
 * LITTER_LEFT: whoever worked in it is gone by then, so nothing else depends on it.
 */
export async function removeWorkplace(directory: string): Promise<void> {
  if (!namePattern.test(basename(directory))) {
    fail('STORAGE_FAILED', { deed: 'remove', path: directory, reason: 'this is no directory of a run' });
  }
  try {
    const stats = await lstat(directory);
    if (stats.isDirectory()) await remove(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw problem('LITTER_LEFT', { path: directory, reason: reasonOfErrno(error) }, error);
  }
}

/** The last lines of a child's log; none if there is no log. */
export async function lastLines(path: string, count = 10): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return '';
    throw thrown;
  });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .slice(-count);
}
