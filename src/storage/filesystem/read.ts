import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { CleanupError, fail } from '../../errors.ts';
import { isAbsence, storageFailure } from '../failure.ts';
import { fileKeyProblem } from '../key.ts';
import { notAFile } from '../removal.ts';
import type { Root } from './root.ts';

/** A symlink is not followed; a FIFO without a writer is opened at once, and then seen to be none of ours. */
export const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const deed = 'read';
const chunkSize = 256 * 1024;

/** As `Reader.read`, and synchronous: for small files, the threads behind a promise cost more than the file. */
export function readFileAt(root: Root, key: string, limit: number): Uint8Array | undefined {
  assertFileKey(root, key);
  let file: number;
  try {
    file = openSync(root.pathOf(key), openFlags);
  } catch (error) {
    return absent(root, key, error);
  }
  try {
    const stats = fstatSync(file);
    assertIsFile(root, key, file, stats.isFile());
    return readAll(file, stats.size, limit) ?? fail('FILE_TOO_LARGE', { path: root.locate(key), limit });
  } catch (error) {
    throw error instanceof CleanupError ? error : storageFailure(deed, root.locate(key), error);
  } finally {
    closeSync(file);
  }
}

/** As `Reader.open`. */
export async function openFileAt(root: Root, key: string): Promise<Readable> {
  assertFileKey(root, key);
  const path = root.locate(key);
  let file: FileHandle;
  try {
    file = await open(root.pathOf(key), openFlags);
  } catch (error) {
    absent(root, key, error);
    throw storageFailure(deed, path, error);
  }
  try {
    assertIsFile(root, key, file.fd, (await file.stat()).isFile());
  } catch (error) {
    await file.close();
    throw error instanceof CleanupError ? error : storageFailure(deed, path, error);
  }
  return new Readable({
    highWaterMark: chunkSize,
    read() {
      file.read(Buffer.allocUnsafe(chunkSize)).then(
        ({ bytesRead, buffer }) => this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead)),
        (error) => this.destroy(storageFailure(deed, path, error)),
      );
    },
    destroy(error, done) {
      file.close().then(() => done(error), done);
    },
  });
}

function assertFileKey(root: Root, key: string): void {
  const reason = fileKeyProblem(key);
  if (reason !== undefined) fail('STORAGE_FAILED', { deed, path: root.locate(key), reason });
}

/** Returns when opening failed since nothing is at `key`; otherwise throws what is there, or why it cannot be seen. */
function absent(root: Root, key: string, thrown: unknown): undefined {
  // Asked always: a symlink on the way whose target is missing answers like nothing at all.
  const type = root.entry(key, deed)?.type ?? 'file';
  if (type !== 'file') fail('STORAGE_FAILED', { deed, path: root.locate(key), reason: notAFile[type] });
  if (!isAbsence(thrown)) throw storageFailure(deed, root.locate(key), thrown);
}

/** That what was opened is a file, and the one that `key` names: O_NOFOLLOW looks at the last component alone. */
function assertIsFile(root: Root, key: string, file: number, isFile: boolean): void {
  const path = root.pathOf(key);
  const opened = readlinkSync(`/proc/self/fd/${file}`);
  // The kernel marks a file that was replaced or removed since (proc(5)): it is what the key named when it was opened.
  const isNamed = opened === path || opened === `${path} (deleted)`;
  if (isNamed && isFile) return;
  const type = root.entry(key, deed)?.type ?? 'other';
  const reason = isNamed && type !== 'file' ? notAFile[type] : `it leads to ${opened}`;
  fail('STORAGE_FAILED', { deed, path: root.locate(key), reason });
}

/** Undefined when there are more than `limit` bytes. The size may change while it is read. */
function readAll(file: number, size: number, limit: number): Uint8Array | undefined {
  if (size > limit) return undefined;
  let buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  for (;;) {
    const read = readSync(file, buffer, length, buffer.length - length, null);
    if (read === 0) return buffer.subarray(0, length);
    length += read;
    if (length > limit) return undefined;
    if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
  }
}
