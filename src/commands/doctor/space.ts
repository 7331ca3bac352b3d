import { type StatsFs, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { bytes } from '../../format.ts';
import { isAbsence, storageFailure } from '../../storage/failure.ts';
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
  await sheet.check('space', (notes) => {
    const { root, stateDirectory } = places;
    if (root === '') return notes.skip('where the storage is is not known');
    const disk = diskOf(root);
    const state = diskOf(stateDirectory);
    const [here, there] = [freeOn(disk), freeOn(state)];
    notes.seen(`${bytes(here.bytes)} free on the disk of ${root}`);
    judge(stateDirectory, there, notes);
    if (here.bytes === 0 && there.bytes > 0)
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
    notes.fault(1, `No byte is free for ${stateDirectory}.`, cure);
  } else if (free.files === 0) {
    notes.fault(1, `No file can be created for ${stateDirectory}: the disk has no inode left.`, cure);
  } else if (free.bytes < needed.bytes) {
    notes.notice(`Only ${bytes(free.bytes)} are free for ${stateDirectory}, which may be too little.`, cure);
  } else if (free.files !== undefined && free.files < needed.files) {
    notes.notice(`Only ${free.files} inodes are free for ${stateDirectory}, which may be too few.`, cure);
  }
}

/** The file system that `path` is on, or will be. */
function diskOf(path: string): StatsFs {
  try {
    return statfsSync(path);
  } catch (error) {
    const above = dirname(path);
    if (isAbsence(error) && above !== path) return diskOf(above);
    throw storageFailure('look at the file system of', path, error);
  }
}

/** For us: what is reserved for root counts for root alone. */
function freeOn({ bavail, bfree, bsize, files, ffree }: StatsFs): Free {
  const blocks = process.geteuid?.() === 0 ? bfree : bavail;
  return { bytes: blocks * bsize, files: files === 0 ? undefined : ffree };
}
