import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small file system of its own, that can be filled to the last byte. */
export interface SmallDisk extends Disposable {
  /** An empty directory on it. */
  readonly path: string;
  /** Bytes that may still be written, and files made. */
  free(): { readonly bytes: number; readonly files: number };
  /** Takes all that is left, of both. */
  fill(): void;
  /** Takes every inode, and leaves the bytes. */
  fillInodes(): void;
  /** Gives back what `fill` took. */
  empty(): void;
}

export type DiskKind = 'tmpfs' | 'ext4';

/** The kinds that this machine lets us mount; a container may have no loop devices. */
export function diskKinds(): readonly DiskKind[] {
  return (['tmpfs', 'ext4'] as const).filter((kind) => {
    try {
      smallDisk(kind)[Symbol.dispose]();
      return true;
    } catch (error) {
      if (kind === 'tmpfs') throw error;
      return false;
    }
  });
}

/** `megabytes`, with some thousand inodes. */
export function smallDisk(kind: DiskKind, megabytes = 24): SmallDisk {
  const base = mkdtempSync(join(tmpdir(), 'registry-cleanup-disk-'));
  const mountPoint = join(base, 'mounted');
  mkdirSync(mountPoint);
  try {
    if (kind === 'tmpfs') {
      const options = `size=${megabytes}m,nr_inodes=4096`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', mountPoint], { stdio: 'pipe' });
    } else {
      const image = join(base, 'image');
      writeFileSync(image, '');
      truncateSync(image, megabytes * 1024 * 1024);
      execFileSync('mkfs.ext4', ['-q', '-m', '0', '-N', '4096', image], { stdio: 'pipe' });
      execFileSync('mount', ['-o', 'loop', image, mountPoint], { stdio: 'pipe' });
    }
  } catch (error) {
    rmSync(base, { recursive: true });
    throw error;
  }
  const path = join(mountPoint, 'here');
  const ballast = join(mountPoint, 'ballast');
  mkdirSync(path);
  function free() {
    // Of the free ones, ext4 keeps some to itself.
    const { bavail, bsize, ffree } = statfsSync(mountPoint);
    return { bytes: bavail * bsize, files: ffree };
  }
  return {
    path,
    free,
    fill() {
      mkdirSync(ballast, { recursive: true });
      // What is not allocated yet is allocated when it is flushed, and not always as was foreseen.
      for (let round = 0; round === 0 || (free().bytes > 0 && round < 20); round++) {
        appendUntilFull(join(ballast, `${round}`));
        execFileSync('sync', ['-f', mountPoint]);
      }
      if (free().bytes > 0) throw new Error(`${free().bytes} bytes cannot be filled`);
    },
    fillInodes() {
      mkdirSync(ballast, { recursive: true });
      for (let n = 0; createEmpty(join(ballast, `file ${n}`)); n++);
    },
    empty() {
      rmSync(ballast, { recursive: true, force: true });
      execFileSync('sync', ['-f', mountPoint]);
    },
    [Symbol.dispose]() {
      if (existsSync(ballast)) rmSync(ballast, { recursive: true });
      // Lazily: a program that is about to end may still have a file open there.
      execFileSync('umount', ['--lazy', mountPoint]);
      rmSync(base, { recursive: true });
    },
  };
}

function appendUntilFull(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (let size = 1 << 20; size >= 1; ) {
      if (!isFull(() => writeSync(file, Buffer.alloc(size, 'x')))) continue;
      size = Math.floor(size / 16);
    }
  } finally {
    closeSync(file);
  }
}

function createEmpty(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

function isFull(write: () => number): boolean {
  try {
    return write() === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return true;
    throw error;
  }
}
