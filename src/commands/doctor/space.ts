import { type StatsFs, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { bytes } from '../../format.ts';
import { isAbsence, storageFailure } from '../../storage/failure.ts';
import { reservedIn } from '../../storage/open.ts';
import type { Notes, Sheet } from './sheet.ts';

/** What lock, journal and record of a run take at the most, bytes; and how many files. */
const needed = { bytes: 1024 * 1024, files: 16 };

const cure = [
  `Free some, or set state.directory to a directory on another disk: a run needs about ${bytes(needed.bytes)} for its lock and journal.`,
];

/** Looks whether there is room for what a run writes: its lock and journal. Cleaning itself takes none. */
export async function lookForSpace(
  places: { readonly root: string; readonly stateDirectory: string },
  sheet: Sheet,
): Promise<void> {
  await sheet.check('space', async (notes) => {
    const { root, stateDirectory } = places;
    if (root === '') return notes.skip('where the storage is is not known');
    const [here, there] = [freeOn(root), freeOn(stateDirectory)];
    const reserved = await reservedIn(stateDirectory);
    const aside = reserved === 0 ? '' : `, ${bytes(reserved)} of its disk set aside for a full one`;
    notes.seen(`${bytes(here.bytes)} free on the disk of ${root}${aside}`);
    // What is set aside lets go of inodes as well.
    if (reserved === 0) judge(stateDirectory, there, notes);
    if (here.bytes === 0 && (there.bytes > 0 || reserved > 0))
      notes.notice(`The disk of ${root} is full: pushes fail, while a run can do its work.`, [
        'Run soon, and look what fills the disk.',
      ]);
  });
}

interface Free {
  readonly bytes: number;
  /** Undefined where the file system has no number of its own for them. */
  readonly files: number | undefined;
}

function judge(stateDirectory: string, free: Free, notes: Notes): void {
  if (free.bytes === 0) {
    notes.fault(1, `No byte is free for ${stateDirectory}, and no run has set any aside.`, cure);
  } else if (free.files === 0) {
    notes.fault(1, `No file can be created for ${stateDirectory}: the disk has no inode left.`, cure);
  } else if (free.bytes < needed.bytes) {
    notes.notice(`Only ${bytes(free.bytes)} are free for ${stateDirectory}, which may be too little.`, cure);
  } else if (free.files !== undefined && free.files < needed.files) {
    notes.notice(`Only ${free.files} inodes are free for ${stateDirectory}, which may be too few.`, cure);
  }
}

/** What we may still write to the file system that `path` is on, or will be. */
function freeOn(path: string): Free {
  const { bavail, bfree, blocks, bsize, files, ffree, type } = diskOf(path);
  // What is reserved for root counts for root alone. What ext4 keeps to itself is for nobody, and root is not told.
  const kept = type === ext4 ? Math.min(Math.ceil(blocks / 45), 4_096) : 0;
  const free = process.geteuid?.() === 0 ? Math.max(bavail, bfree - kept) : bavail;
  return { bytes: free * bsize, files: files === 0 ? undefined : ffree };
}

/** statfs(2). */
const ext4 = 0xef53;

function diskOf(path: string): StatsFs {
  try {
    return statfsSync(path);
  } catch (error) {
    const above = dirname(path);
    if (isAbsence(error) && above !== path) return diskOf(above);
    throw storageFailure('look at the file system of', path, error);
  }
}
