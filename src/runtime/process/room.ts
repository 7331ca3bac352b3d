import { accessSync, constants, type StatsFs, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** What a child's configuration and its log take at the least, bytes and files; a log is cut off where there is no more. */
const needed = { bytes: 64 * 1024, files: 8 };
/** In memory, and so not full when a disk is. */
const others = ['/dev/shm', '/run'];

/**
 * Where files go that live as long as a child: `os.tmpdir()`, unless it is full. On many a machine it lies on the one
 * disk that the registry fills, and a registry that was stopped there must start again all the same.
 */
export function roomyDirectory(candidates: readonly string[] = [tmpdir(), ...others]): string {
  return candidates.find(hasRoom) ?? tmpdir();
}

function hasRoom(directory: string): boolean {
  let disk: StatsFs;
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    disk = statfsSync(directory);
  } catch {
    // Not there, or not for us.
    return false;
  }
  const blocks = process.geteuid?.() === 0 ? disk.bfree : disk.bavail;
  // Some file systems do not count files.
  return blocks * disk.bsize >= needed.bytes && (disk.files === 0 || disk.ffree >= needed.files);
}
