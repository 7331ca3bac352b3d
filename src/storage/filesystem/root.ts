import { lstatSync, realpathSync, type Stats } from 'node:fs';
import { fail, problem } from '../../errors.ts';
import { isAbsence, storageFailure } from '../failure.ts';
import { withoutRawMark } from '../raw-name.ts';
import { behindSymlink } from '../removal.ts';
import type { Entry } from '../storage.ts';

/** What the way to a key may meet. */
export type Way = 'open' | 'absent' | { readonly symlink: string };

/** A directory and what lies below it, by key. Every look is an lstat: nothing is followed. */
export class Root {
  readonly path: string;
  readonly #base: string;
  readonly #identity: string;

  /** Throws STORAGE_FAILED when there is no such directory. */
  constructor(directory: string) {
    try {
      this.path = realpathSync.native(directory);
    } catch (error) {
      throw storageFailure('open', directory, error);
    }
    this.#base = this.path === '/' ? '' : this.path;
    const stats = this.#lstat('open', this.path);
    if (!stats?.isDirectory())
      fail('STORAGE_FAILED', { deed: 'open', path: this.path, reason: 'it is no directory' });
    this.#identity = identityOf(stats);
  }

  /** The path of `key`, for system calls; of '' or a directory's key, without its slash. */
  pathOf(key: string): string {
    if (key === '') return this.path;
    return `${this.#base}/${key.endsWith('/') ? key.slice(0, -1) : key}`;
  }

  /** The path of `key`, for people. */
  locate(key: string): string {
    return key === '' ? this.path : `${this.#base}/${withoutRawMark(key)}`;
  }

  /** Throws when another directory, or none, is where the root was: a disk unmounted must not look like an empty one. */
  assertSame(deed: string): void {
    const stats = this.#lstat(deed, this.path);
    if (stats !== undefined && identityOf(stats) === this.#identity) return;
    fail('STORAGE_FAILED', {
      deed,
      path: this.path,
      reason: 'it is not the directory any more that it was when opened (unmounted, or replaced)',
    });
  }

  /** The entry of the (good) key; undefined if there is none. Throws where a symlink is on the way. */
  entry(key: string, deed: string): Entry | undefined {
    const way = this.wayTo(key, deed);
    if (typeof way === 'object') throw this.closed(deed, key, way.symlink);
    const stats = way === 'open' ? this.lstat(key, deed) : undefined;
    if (stats === undefined) {
      this.assertSame(deed);
      return undefined;
    }
    const entry = entryOf(key.endsWith('/') ? key.slice(0, -1) : key, stats);
    if (!key.endsWith('/') || entry.type === 'directory') return entry;
    // With its slash, it is the way to what is in it.
    if (entry.type === 'symlink') throw this.closed(deed, key, entry.key);
    return undefined;
  }

  /** Whether directories lead from the root to where `key` would be. `known`: ways found before, by directory. */
  wayTo(key: string, deed: string, known: Map<string, Way> = new Map()): Way {
    const end = key.lastIndexOf('/', key.length - 2);
    if (end === -1) return 'open';
    const directory = key.slice(0, end);
    let way = known.get(directory);
    if (way !== undefined) return way;
    // From the deepest up, since of many keys in one place all but the last steps of the way are known.
    way = this.wayTo(directory, deed, known);
    if (way === 'open') way = wayThrough(directory, this.lstat(directory, deed));
    known.set(directory, way);
    return way;
  }

  /** Undefined if there is nothing. Other failures throw STORAGE_FAILED. */
  lstat(key: string, deed: string): Stats | undefined {
    return this.#lstat(deed, this.pathOf(key));
  }

  closed(deed: string, key: string, symlink: string): Error {
    const reason = behindSymlink(this.locate(symlink));
    return problem('STORAGE_FAILED', { deed, path: this.locate(key), reason });
  }

  #lstat(deed: string, path: string): Stats | undefined {
    try {
      return lstatSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw storageFailure(deed, path, error);
    }
  }
}

/** The entry that `stats` tell of; `key` without a slash at its end. */
export function entryOf(key: string, stats: Stats): Entry {
  const modified = stats.mtimeMs;
  const type = typeOf(stats);
  if (type === 'directory') return { key: `${key}/`, type, size: 0, modified };
  return { key, type, size: type === 'file' ? stats.size : 0, modified };
}

export function typeOf(stats: Stats): Entry['type'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

function wayThrough(directory: string, stats: Stats | undefined): Way {
  if (stats?.isSymbolicLink()) return { symlink: directory };
  return stats?.isDirectory() ? 'open' : 'absent';
}

function identityOf(stats: Stats): string {
  return `${stats.dev} ${stats.ino}`;
}
