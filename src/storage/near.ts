/** What lies in a directory. A name that is not valid UTF-8 stands as `nameOfBytes` makes it, and is neither of both. */
export interface NearName {
  readonly name: string;
  isFile(): boolean;
  isDirectory(): boolean;
}

/** A regular file, as a look at its inode tells. */
export interface NearFile {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtimeMs: number;
  /** When anything about it was changed last, which nobody can set (inode(7)): milliseconds since the epoch. */
  readonly ctimeMs: number;
}

/**
 * A storage, looked at synchronously: in a thread that does nothing else, or between two breaths. For what is many times
 * the same. It answers undefined for whatever is not as it was asked for (absent, a symbolic link, a FIFO, too long), and
 * leaves it to `Reader` to tell what it is. It follows no symbolic link at a key itself; that none is on the way there
 * the caller has seen from the types of names. Keys are good ones (`keyProblem`). Anything but absence throws
 * STORAGE_FAILED, in the words of `Reader`.
 */
export interface Near {
  /**
   * Whether `NearFile` tells of every change at once. Where others may write from elsewhere (NFS, CIFS, FUSE), the kernel
   * knows attributes by hearsay for seconds, and only opening a file makes it ask.
   */
  readonly seesChanges: boolean;
  /** To be called before and after looking: throws when another root, or none, is where this one was. */
  assertSame(): void;
  /** Whether there is a directory `key`; throws where a symbolic link is there, or on the way. */
  enter(key: string): boolean;
  /** How much lies in the directory `key`, in a measure of the file system's own: a guess, to begin with the largest. */
  weight(key: string): number;
  /** What lies in the directory `key` (which ends with `/`); undefined where there is none any more. */
  names(key: string): readonly NearName[] | undefined;
  /** The file `key`; undefined where no regular file is there. */
  file(key: string): NearFile | undefined;
  /**
   * Reads the beginning of a small file into `into`: how many bytes, and its times from before that. `NearFile.size` is what was read.
   * Undefined where no regular file is there.
   */
  peek(key: string, into: Uint8Array): NearFile | undefined;
  /**
   * The whole content of `key`, which is valid until the next call; undefined where there is none, or more than `limit`. That
   * it is a regular file the caller has seen, or the content's digest tells: of a device that can be read it is what it gives.
   */
  bytes(key: string, limit: number): Uint8Array | undefined;
}
