import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../../errors.ts';
import { errnoError, errnoOf, isAbsence } from '../failure.ts';
import { ensureDirectory, removeEmptied, syncDirectory, unlessAbsent } from './durable.ts';
import { isNoRoom } from './reserve.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
/** A symlink is not followed, and a FIFO not waited for. */
const careful = O_NOFOLLOW | O_NONBLOCK;

/** Undefined where there is no such file. */
export function readText(path: string): { readonly text: string; readonly modified: number } | undefined {
  let file: number;
  try {
    file = openSync(path, O_RDONLY | careful);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) refuse('read', path);
    return { text: readFileSync(file, 'utf8'), modified: stats.mtimeMs };
  } finally {
    closeSync(file);
  }
}

/** Adds a line, durably. On a full disk it goes on where it was as long as `makeRoom` answers true. */
export async function appendTo(path: string, line: string, makeRoom: () => Promise<boolean>): Promise<void> {
  const existing = await openIfThere(path, O_RDWR | O_APPEND | careful);
  const made = existing === undefined ? await ensureDirectory(dirname(path)) : undefined;
  const file = existing ?? (await open(path, O_RDWR | O_APPEND | O_CREAT | careful, 0o600));
  let written = 0;
  try {
    if (!(await file.stat()).isFile()) refuse('append to', path);
    const bytes = Buffer.from(`${(await endsInLine(file)) ? '\n' : ''}${line}\n`);
    while (written < bytes.length) {
      try {
        const { bytesWritten } = await file.write(bytes, written);
        if (bytesWritten === 0) throw errnoError('ENOSPC');
        written += bytesWritten;
      } catch (error) {
        if (!isNoRoom(error) || !(await makeRoom())) throw error;
      }
    }
    await file.datasync();
  } finally {
    await file.close();
    // An empty one would look like something that a dead run left.
    if (existing === undefined && written === 0) {
      await unlink(path).catch(unlessAbsent);
      await removeEmptied(dirname(path), made);
    }
  }
  if (existing === undefined) await syncDirectory(dirname(path));
}

/** False if it exists. For file systems without hard links: it may be seen empty, and stay so after a crash. */
export async function createInPlace(path: string, text: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
  let whole = false;
  try {
    await file.writeFile(text);
    await file.sync();
    whole = true;
  } finally {
    await file.close();
    if (!whole) await unlink(path).catch(unlessAbsent);
  }
  await syncDirectory(dirname(path));
  return true;
}

/**
 * Replaces the text of a file in the place that it has, for a full disk: false if it does not read `expected`. As good as
 * a rename where nobody else writes meanwhile. Who renamed another file to this name a moment before is not written to:
 * what is written then is the file that has lost its name. A power cut may leave a mixture of both texts.
 */
export async function overwrite(path: string, expected: string, text: string): Promise<boolean> {
  const file = await openIfThere(path, O_RDWR | careful);
  if (file === undefined) return false;
  try {
    if (!fstatSync(file.fd).isFile()) refuse('replace', path);
    if (readFileSync(file.fd, 'utf8') !== expected) return false;
    try {
      writeAt(file.fd, text);
    } catch (error) {
      writeAt(file.fd, expected);
      throw error;
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  return readText(path)?.text === text;
}

/** Synchronous: nobody of this process reads a half. */
function writeAt(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) {
    const more = writeSync(file, bytes, written, bytes.length - written, written);
    if (more === 0) throw errnoError('ENOSPC');
    written += more;
  }
  ftruncateSync(file, bytes.length);
}

function refuse(deed: string, path: string): never {
  return fail('STORAGE_FAILED', { deed, path, reason: 'it is not a file' });
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
