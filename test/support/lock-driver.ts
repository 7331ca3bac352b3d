/*
 * A process that takes the lock again and again, as many others do: its arguments are the state directory and how often.
 * What it does with the lock held is impossible when another one has it, too; then it exits with 70. In the end it dies
 * with the lock.
 */
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from '../../src/pipeline/lock.ts';
import { filesystemState } from '../../src/storage/state.ts';

const [, , directory = '', times = ''] = process.argv;
const state = filesystemState(directory);
const held = join(directory, '..', 'held');

for (let left = Number(times); left > 0; left--) {
  const lock = await takeLock({
    state,
    run: `${process.pid}-${left}`,
    signal: new AbortController().signal,
    recover: async () => {},
    waitFor: 600_000,
    times: { beatEvery: 20, stillFor: 60_000, lookEvery: left % 2 === 0 ? 1 : 60 },
  });
  try {
    mkdirSync(held);
    await sleep(left % 3);
    await lock.check();
    rmdirSync(held);
  } catch (error) {
    process.stderr.write(`${process.pid}: ${error}\n`);
    process.exit(70);
  }
  if (left > 1) await lock.release();
}
