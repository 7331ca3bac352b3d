import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { prepareState } from '../../../src/commands/prepare-state.ts';
import type { Event } from '../../../src/pipeline/events.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import { faultyState } from '../../support/faulty-storage.ts';
import { heldLock } from '../../support/held.ts';
import { temporaryDirectory } from '../../support/program.ts';

it('sets space aside, and a run goes on where that fails, with a word', async () => {
  using place = temporaryDirectory();
  const state = filesystemState(place.path);
  const told: Event[] = [];
  const faulty = faultyState(state, { method: 'prepare', nth: 1, errno: 'EIO' });
  await prepareState(faulty, heldLock(), (event) => told.push(event));
  expect(told).toEqual([
    { type: 'warning', text: expect.stringMatching(/no space could be set aside .*i\/o error \(EIO\)/) },
  ]);
  await prepareState(faulty, heldLock(), (event) => told.push(event));
  expect(told).toHaveLength(1);
  expect(readdirSync(join(place.path, 'reserve')).length).toBeGreaterThan(0);
});

it('leaves alone what belongs to a run that has taken over', async () => {
  using place = temporaryDirectory();
  const told: Event[] = [];
  const lost = { ...heldLock(), takenOver: async () => true };
  await prepareState(filesystemState(place.path), lost, (event) => told.push(event));
  expect(existsSync(join(place.path, 'reserve'))).toBe(false);
  expect(told).toEqual([]);
});
