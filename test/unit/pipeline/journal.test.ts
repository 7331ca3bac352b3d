import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Memo } from '../../../src/deed.ts';
import { problem } from '../../../src/errors.ts';
import { openDeeds, openJournal, recoverJournal } from '../../../src/pipeline/journal.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import type { State } from '../../../src/storage/storage.ts';
import { faultyState } from '../../support/faulty-storage.ts';
import { temporaryDirectory } from '../../support/program.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let state: State;
let file: string;
beforeEach(() => {
  directory = temporaryDirectory();
  state = filesystemState(directory.path);
  file = join(directory.path, 'journal.ndjson');
});
afterEach(() => directory[Symbol.dispose]());

const memo = (kind: string): Memo => ({ kind });

describe('the journal of a run', () => {
  it('has a deed on disk before it is told to be there, and forgets it when it is undone', async () => {
    const journal = await openJournal(state, 'one');
    const stop = await journal.deed('stop', memo('a'));
    await journal.deed('readonly', memo('b'));
    expect(await openDeeds(state)).toEqual([
      { run: 'one', step: 'readonly', memo: { kind: 'b' } },
      { run: 'one', step: 'stop', memo: { kind: 'a' } },
    ]);
    await journal.undone(stop);
    expect(await openDeeds(state)).toEqual([{ run: 'one', step: 'readonly', memo: { kind: 'b' } }]);
  });

  it('is gone when it is closed and nothing is open', async () => {
    const journal = await openJournal(state, 'one');
    await journal.undone(await journal.deed('stop', memo('a')));
    await journal.close();
    expect(existsSync(file)).toBe(false);
  });

  it('stays when something could not be undone', async () => {
    const journal = await openJournal(state, 'one');
    await journal.deed('stop', memo('a'));
    await journal.close();
    expect(await openDeeds(state)).toHaveLength(1);
  });

  it('is not closed by a run that another one has taken over from', async () => {
    const late = await openJournal(state, 'late');
    await state.remove('journal.ndjson');
    const journal = await openJournal(state, 'new');
    await journal.deed('stop', memo('new'));
    await late.close();
    expect(await openDeeds(state)).toMatchObject([{ run: 'new' }]);
  });

  it('knows nothing of a deed that could not be written, for that is not done', async () => {
    const journal = await openJournal(
      faultyState(state, { method: 'append', nth: 2, errno: 'ENOSPC' }),
      'one',
    );
    await expect(journal.deed('stop', memo('a'))).rejects.toThrow('ENOSPC');
    await journal.close();
    expect(existsSync(file)).toBe(false);
  });

  it('counts a deed as undone even when there is no room to write that down', async () => {
    const journal = await openJournal(
      faultyState(state, { method: 'append', nth: 3, errno: 'ENOSPC' }),
      'one',
    );
    const id = await journal.deed('stop', memo('a'));
    await expect(journal.undone(id)).rejects.toThrow('ENOSPC');
    await journal.close();
    expect(existsSync(file)).toBe(false);
  });
});

describe('a journal that a dead run left', () => {
  it('may end in half a line, which tells nothing, and be gone on with', async () => {
    const journal = await openJournal(state, 'one');
    await journal.deed('stop', memo('a'));
    const whole = readFileSync(file, 'utf8');
    const line = JSON.stringify({ run: 'one', type: 'deed', id: 1, step: 'readonly', memo: memo('b') });
    for (let length = 0; length < line.length; length++) {
      writeFileSync(file, whole + line.slice(0, length));
      expect(await openDeeds(state)).toMatchObject([{ step: 'stop' }]);
    }
    await openJournal(state, 'two').then((next) => next.deed('drain', memo('c')));
    expect(await openDeeds(state)).toMatchObject([{ step: 'drain' }, { step: 'stop' }]);
  });

  it('may hold what is no line of it', async () => {
    await openJournal(state, 'one').then((journal) => journal.deed('stop', memo('a')));
    appendFileSync(file, '\0\0\0\0\n[]\n7\nnull\n{}\n\n');
    expect(await openDeeds(state)).toHaveLength(1);
  });

  it('may be absent', async () => {
    expect(await openDeeds(state)).toEqual([]);
    expect(await recoverJournal(state, () => Promise.reject(new Error('nothing to undo')))).toEqual([]);
  });

  it('keeps the deeds of several runs apart, whatever their numbers', async () => {
    const one = await openJournal(state, 'one');
    const two = await openJournal(state, 'two');
    const id = await one.deed('stop', memo('a'));
    expect(await two.deed('stop', memo('b'))).toBe(id);
    await one.undone(id);
    expect(await openDeeds(state)).toMatchObject([{ run: 'two' }]);
  });
});

describe('recovery', () => {
  async function left(): Promise<void> {
    const journal = await openJournal(state, 'dead');
    for (const step of ['stop', 'readonly', 'rehearse', 'collect'] as const)
      await journal.deed(step, memo(step));
  }

  /** Recovers, failing at some deeds; what was tried, in order. */
  async function recover(fails: Readonly<Record<string, Error>> = {}): Promise<readonly string[]> {
    const tried: string[] = [];
    await recoverJournal(state, async ({ kind }) => {
      tried.push(kind);
      if (fails[kind] !== undefined) throw fails[kind];
    }).catch((error: unknown) => tried.push(String(error)));
    return tried;
  }

  it('undoes what is open, newest first, and then the journal is gone', async () => {
    await left();
    expect(await recover()).toEqual(['collect', 'rehearse', 'readonly', 'stop']);
    expect(existsSync(file)).toBe(false);
  });

  it('starts the registry although the stand-in leaves litter, and tries again the next time', async () => {
    await left();
    expect(await recover({ readonly: new Error('litter') })).toEqual([
      'collect',
      'rehearse',
      'readonly',
      'stop',
      'Error: litter',
    ]);
    expect(await openDeeds(state)).toHaveLength(4);
    expect(await recover()).toHaveLength(4);
    expect(existsSync(file)).toBe(false);
  });

  it('goes no further while a collector lives: it would sweep what is pushed', async () => {
    await left();
    expect(await recover({ rehearse: new Error('immortal') })).toEqual([
      'collect',
      'rehearse',
      'Error: immortal',
    ]);
    expect(await openDeeds(state)).toHaveLength(4);
  });

  it('tells before all that the registry is not restored', async () => {
    await left();
    const closed = problem('NOT_RESTORED', { reasons: ['why'], command: 'start it' });
    const undo = ({ kind }: Memo) =>
      kind === 'readonly'
        ? Promise.reject(new Error('litter'))
        : kind === 'stop'
          ? Promise.reject(closed)
          : Promise.resolve();
    await expect(recoverJournal(state, undo)).rejects.toBe(closed);
  });
});
