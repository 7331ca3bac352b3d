import { lstat, readdir, readlink, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../../pause.ts';
import { isAbsence } from '../../storage/failure.ts';
import type { Address } from './address.ts';
import { listenersOn } from './listeners.ts';
import { type Controlled, startLogDirectory } from './live.ts';
import { isForbidden, orGone, pids } from './processes.ts';

/** How long a start command may still be busy when the registry answers already. */
const patienceMs = 3_000;

/**
 * Removes what the start command of a run that was killed has said. Where the command is the registry itself, it
 * writes there for as long as it lives, and that stays.
 */
export async function removeStartLog(live: Controlled, address: Address): Promise<void> {
  const directory = startLogDirectory(live);
  const path = join(directory, 'log');
  if ((await orGone(lstat(directory))) === undefined) return;
  const deadline = performance.now() + patienceMs;
  for (let writers = await holdersOf(path); writers.length > 0; writers = await holdersOf(path)) {
    const serving = (await listenersOn(address)).flatMap(({ owners }) => owners.map(({ pid }) => pid));
    if (writers.some((pid) => serving.includes(pid)) || performance.now() > deadline) return;
    await pause(50);
  }
  try {
    await rm(path, { force: true });
    await rmdir(directory);
  } catch (thrown) {
    // Another run that uses the same command is at work there, or it is not ours: a few bytes, and no reason to fail.
    const code = (thrown as NodeJS.ErrnoException).code;
    if (!isAbsence(thrown) && code !== 'ENOTEMPTY' && !isForbidden(thrown)) throw thrown;
  }
}

/** Pids of the processes that have this file open, as far as we can see. */
async function holdersOf(path: string): Promise<readonly number[]> {
  const all = await pids();
  const open = await Promise.all(all.map((pid) => hasOpen(pid, path)));
  return all.filter((_, index) => open[index]);
}

async function hasOpen(pid: number, path: string): Promise<boolean> {
  const directory = `/proc/${pid}/fd`;
  try {
    const names = (await orGone(readdir(directory))) ?? [];
    const targets = await Promise.all(names.map((name) => orGone(readlink(`${directory}/${name}`))));
    return targets.includes(path);
  } catch (thrown) {
    if (isForbidden(thrown)) return false;
    throw thrown;
  }
}
