import { execFileSync } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';

const switchFile = '/proc/sys/vm/drop_caches';

/** Whether this machine lets us forget its caches: root, and not in a container that hides the switch. */
export function mayDropCaches(): boolean {
  try {
    accessSync(switchFile, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Writes to the disk what waits for it, so that nobody pays for what came before. */
export function settle(): void {
  execFileSync('sync');
}

/** Forgets names and inodes (those of removed trees among them) and, with `pages`, everything that was read. */
export function dropCaches(what: 'names' | 'pages'): void {
  settle();
  writeFileSync(switchFile, what === 'pages' ? '3' : '2');
}
