import type { Readable } from 'node:stream';

/**
 * What a listing yields. Every directory of a file system is implied by what is in it; an *empty* one is an
 * entry of its own (type `directory`, key ending with `/`), so that nothing is invisible. Object stores yield
 * files only. A symlink or anything that is neither file nor directory (`other`) is told, never followed or opened.
 */
export interface Entry {
  /** Path below the driver's root, no leading slash: `docker/registry/v2/blobs/…/data`. */
  readonly key: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Bytes; 0 for what is not a file. */
  readonly size: number;
  /** Milliseconds since the epoch (fractions allowed). Undefined where the store tells none: unknown age means young. */
  readonly modified: number | undefined;
}

/** A storage that another thread can open for itself: `openNear` in open.ts. Can be cloned from thread to thread. */
export interface NearStorage {
  readonly driver: 'filesystem';
  /** Its real path. */
  readonly root: string;
}

/** Looking, without being able to change. The inventory, a dry run and `check` get no more than this. */
export interface Reader {
  /** `filesystem`, `s3`, `memory`. */
  readonly name: string;
  /** How a person finds `key`: an absolute path, a bucket URL. For messages only. */
  locate(key: string): string;
  /** Where any thread can look, synchronously (`openNear`). Undefined for a storage that is asked in no other way than this. */
  readonly near?: NearStorage;
  /**
   * Everything below `prefix` (which ends with `/`, or is '' for all), in pages, in no promised order.
   * A missing prefix yields nothing, the prefix itself is never yielded, and one behind a symlink is an error. What vanishes while listing is left out; what appears may be in or not.
   * Anything that cannot be read is an error with its path, never a gap.
   * A directory for whose key (ending with `/`) `skip` answers true is yielded as an entry of type `directory`
   * and not entered.
   */
  list(prefix: string, skip?: (directory: string) => boolean): AsyncIterable<readonly Entry[]>;
  /**
   * The whole content of a *file*, or undefined if it is absent. `limit` (bytes): a longer file is an error
   * (code FILE_TOO_LARGE on the thrown error's `code`), read no further than that.
   */
  read(key: string, limit?: number): Promise<Uint8Array | undefined>;
  /** The content as a stream, for blobs of any size. Absent: rejects with ENOENT in the cause. */
  open(key: string): Promise<Readable>;
  /** The entry (of a directory too, empty or not; `x/` on a file: none), or undefined if there is none. Never follows a symlink. */
  stat(key: string): Promise<Entry | undefined>;
}

export interface Removed {
  readonly key: string;
  /** `absent` is no error: a resumed run meets its own work. */
  readonly outcome: 'removed' | 'absent' | 'failed';
  /** Why it failed. */
  readonly reason?: string;
}

/** A Reader that can also remove. Nothing in the program can add to or change the registry's own data. */
export interface Storage extends Reader {
  /**
   * Removes regular files, and (keys ending with `/`) directories that are empty. One answer per key, in order; one
   * failure stops nothing. The file system prunes parent directories that it emptied, but never `blobs`,
   * `repositories`, `_layers`, `_manifests`, `tags`, `revisions` (the registry needs them), the directories above
   * them, nor the root.
   * Never follows a symlink, never leaves the root.
   *
   * `before` is awaited right before each single removal, pruning included. What it throws ends the call, and
   * is thrown. Nothing comes between it and the removal that it let through.
   * `tell` hears every answer as soon as it is known, of a call that ends early too; and it alone hears of parents that
   * could not be pruned though nothing is in them. `occupied` hears of directories in which a file was that was asked
   * for and is removed, and that stay since something else is in them.
   */
  remove(
    keys: readonly string[],
    before?: () => Promise<void>,
    tell?: (answer: Removed) => void,
    occupied?: (directory: string) => void,
  ): Promise<readonly Removed[]>;
  /** Removing with several threads at once. A storage need not have it. */
  readonly parallel?: {
    /** Of fewer files `remove` is done before threads have started. */
    readonly from: number;
    /** Starts the threads, each of which has leave of `permit` before every single removal. */
    open(permit: Permit): ParallelRemoval;
  };
}

/** Leave to remove, in memory that threads share (its layout: permit.ts). */
export interface Permit {
  readonly memory: SharedArrayBuffer;
  /** Throws, once it is revoked, why. */
  check(): void;
}

/** Several threads that remove. */
export interface ParallelRemoval {
  /**
   * Removes regular files as `Storage.remove` does, with the same answers to `tell` and `occupied`, in no promised order.
   * A directory's key is not one. Several calls may be under way. Throws what `permit.check` throws once that is
   * revoked, and THREAD_ENDED when a thread died; what was answered by then is told, and nothing more is removed
   * afterwards.
   */
  remove(
    keys: Iterable<string>,
    tell: (answer: Removed) => void,
    occupied?: (directory: string) => void,
  ): Promise<void>;
  /** Ends the threads, each after the removal that it is at. Calls under way throw. */
  close(): Promise<void>;
}

/**
 * Our own small files (lock, journal, runs), beside the data they guard and outside what the registry reads.
 * Keys are plain relative names (`lock`, `runs/<id>.json`).
 */
export interface State {
  /** Where it is, for messages. */
  locate(key: string): string;
  /** Creates `key` with `text`, durably. False, and nothing changed, if it exists. */
  createExclusive(key: string, text: string): Promise<boolean>;
  /** Replaces `key` by `text`, durably and atomically, if it still reads `expected`. False otherwise. */
  replaceIf(key: string, expected: string, text: string): Promise<boolean>;
  /** Appends one line (a newline is added) and returns once it is on disk. */
  append(key: string, line: string): Promise<void>;
  /** Content and the storage clock's time of the last change (ms since the epoch), or undefined. */
  read(key: string): Promise<{ readonly text: string; readonly modified: number } | undefined>;
  /** Whole keys below `prefix`, sorted. */
  list(prefix: string): Promise<readonly string[]>;
  /** Removes `key`; absent is fine. */
  remove(key: string): Promise<void>;
  /**
   * Sweeps what writes of dead runs left, and sets space aside, where there is some, with which the methods above go on
   * once the disk is full. Only for whoever holds the lock.
   */
  prepare(): Promise<void>;
}
