import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { takeLock } from '../../../src/pipeline/lock.ts';
import { parseOwner } from '../../../src/pipeline/owner.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import { temporaryDirectory } from '../../support/program.ts';

it('a lock of which a digit is wrong is not the lock of a dead run: whoever comes watches it', async () => {
  using directory = temporaryDirectory();
  const state = filesystemState(directory.path);
  const { signal } = new AbortController();
  const times = { beatEvery: 50, stillFor: 2_000, lookEvery: 20 };
  const common = { state, signal, recover: async () => {}, times };
  const held = await takeLock({ ...common, run: 'one' });
  const file = join(directory.path, 'lock');
  const damaged = () =>
    readFileSync(file, 'utf8').replace(`"pid":${process.pid}`, `"pid":${process.pid + 1}`);
  expect(parseOwner(damaged())).toBeUndefined();
  // After some beats as well.
  await vi.waitFor(() => expect(parseOwner(readFileSync(file, 'utf8'))?.beat).toBeGreaterThan(1));
  expect(parseOwner(damaged())).toBeUndefined();
  await held.release();
  writeFileSync(file, JSON.stringify({ run: 'one', pid: 1 }));
  const watched: string[] = [];
  const second = await takeLock({ ...common, run: 'two', onWatch: (owner) => watched.push(owner) });
  expect(watched).toEqual(['an owner that cannot be read']);
  await second.release();
});
