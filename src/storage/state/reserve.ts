import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { fail } from '../../errors.ts';
import { errnoOf, isAbsence } from '../failure.ts';

/** Its name in the state directory. */
export const reserveName = 'reserve';

/** An inode and four blocks of the usual size each: more than one write of ours takes. */
const pieceSize = 16 * 1024;
const names: readonly string[] = Array.from({ length: 16 }, (_, n) => `${n}`.padStart(2, '0'));

/** Whether it says that the disk, or somebody's share of it, is full: of bytes or of inodes. */
export function isNoRoom(thrown: unknown): boolean {
  const errno = errnoOf(thrown);
  return errno === 'ENOSPC' || errno === 'EDQUOT';
}

/**
 * Space on the disk of the state directory that is set aside while there is some, and given up piece by piece once
 * there is none: in pieces, since who fills the disk may be quicker than we are, and takes one of them at the most.
 */
export class Reserve {
  readonly #directory: string;

  constructor(stateDirectory: string) {
    this.#directory = `${stateDirectory}/${reserveName}`;
  }

  /** Sets aside what is missing. False when there was no room for all of it. */
  async fill(): Promise<boolean> {
    try {
      await mkdir(this.#directory, { mode: 0o700 }).catch(unlessThere);
      if (!this.#isThere())
        fail('STORAGE_FAILED', { deed: 'use', path: this.#directory, reason: 'it is no directory' });
      for (const name of names) await this.#fill(`${this.#directory}/${name}`);
      return true;
    } catch (error) {
      if (isNoRoom(error)) return false;
      throw error;
    }
  }

  /** Makes room by a piece. False where no more are left than `keep`. */
  async giveUp(keep: number): Promise<boolean> {
    const left = await this.#pieces();
    for (const name of left.slice(keep).toReversed()) {
      try {
        await unlink(`${this.#directory}/${name}`);
        return true;
      } catch (error) {
        if (!isAbsence(error)) throw error;
      }
    }
    return false;
  }

  /** Bytes that are set aside. */
  async bytes(): Promise<number> {
    const left = await this.#pieces();
    return left.filter((name) => isWhole(`${this.#directory}/${name}`)).length * pieceSize;
  }

  /** A symlink in its place may have been laid by whoever writes to the storage. */
  #isThere(): boolean {
    return lstatSync(this.#directory, { throwIfNoEntry: false })?.isDirectory() === true;
  }

  async #pieces(): Promise<readonly string[]> {
    if (!this.#isThere()) return [];
    const there = await readdir(this.#directory);
    return names.filter((name) => there.includes(name));
  }

  async #fill(path: string): Promise<void> {
    if (isWhole(path)) return;
    await unlink(path).catch(unlessGone);
    const file = await open(path, 'wx', 0o600);
    let whole = false;
    try {
      // What cannot be compressed, nor left out as a hole.
      await file.writeFile(randomBytes(pieceSize));
      whole = true;
    } finally {
      await file.close();
      if (!whole) await unlink(path).catch(unlessGone);
    }
  }
}

function isWhole(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.size === pieceSize;
}

function unlessThere(error: unknown): void {
  if (errnoOf(error) !== 'EEXIST') throw error;
}

function unlessGone(error: unknown): void {
  if (!isAbsence(error)) throw error;
}
