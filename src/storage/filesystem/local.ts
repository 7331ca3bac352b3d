import { statfsSync } from 'node:fs';
import { storageFailure } from '../failure.ts';

/** File systems of this machine's own, by the numbers of Linux's `magic.h` and of ZFS, XFS, F2FS and bcachefs. */
const local: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x2fc12fc1, // ZFS
  0xf2f52010, // F2FS
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs, whose upper layer is one of the above
]);

/** Whether nobody can write to the file system of `path` but through this kernel. Throws STORAGE_FAILED. */
export function isLocal(path: string): boolean {
  try {
    return local.has(statfsSync(path).type);
  } catch (error) {
    throw storageFailure('list', path, error);
  }
}
