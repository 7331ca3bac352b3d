import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDeeds, openJournal } from '../../../src/pipeline/journal.ts';
import { journalWhileHeld, stateWhileHeld } from '../../../src/pipeline/while-held.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import type { State } from '../../../src/storage/storage.ts';
import { heldLock } from '../../support/held.ts';
import { temporaryDirectory } from '../../support/program.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let state: State;
beforeEach(() => {
  directory = temporaryDirectory();
  state = filesystemState(directory.path);
});
afterEach(() => directory[Symbol.dispose]());

const lost = { code: 'LOCK_LOST' };

describe('the journal of a run that has lost its lock', () => {
  it('takes no deed: none begins', async () => {
    const journal = journalWhileHeld(await openJournal(state, 'one'), heldLock({ lostFrom: 2 }));
    await journal.deed('stop', { kind: 'first' });
    await expect(journal.deed('readonly', { kind: 'second' })).rejects.toMatchObject(lost);
    expect((await openDeeds(state)).map(({ memo }) => memo)).toEqual([{ kind: 'first' }]);
  });

  it('is not written to, and not closed: it is the other one’s by now', async () => {
    const one = await openJournal(state, 'one');
    const id = await one.deed('stop', { kind: 'first' });
    await state.remove('journal.ndjson');
    const two = await openJournal(state, 'two');
    await two.deed('stop', { kind: 'of the other one' });
    const before = await state.read('journal.ndjson');
    const journal = journalWhileHeld(one, heldLock({ lostFrom: 0 }));
    await journal.undone(id);
    await journal.close();
    expect(await state.read('journal.ndjson')).toEqual(before);
  });

  it('is an ordinary one until then', async () => {
    const journal = journalWhileHeld(await openJournal(state, 'one'), heldLock());
    await journal.undone(await journal.deed('stop', { kind: 'first' }));
    await journal.close();
    expect(await state.list('')).toEqual([]);
  });
});

it('a state is changed by whoever has the lock alone, and read by everybody', async () => {
  await state.createExclusive('runs/one', 'text');
  const mine = stateWhileHeld(state, heldLock({ lostFrom: 1 }));
  await expect(mine.remove('runs/one')).rejects.toMatchObject(lost);
  await expect(mine.append('runs/one', 'line')).rejects.toMatchObject(lost);
  await expect(mine.replaceIf('runs/one', 'text', 'other')).rejects.toMatchObject(lost);
  await expect(mine.createExclusive('runs/two', '')).rejects.toMatchObject(lost);
  expect(await mine.read('runs/one')).toMatchObject({ text: 'text' });
  expect(await mine.list('')).toEqual(['runs/one']);
  const held = stateWhileHeld(state, heldLock());
  await held.remove('runs/one');
  expect(await held.list('')).toEqual([]);
});
