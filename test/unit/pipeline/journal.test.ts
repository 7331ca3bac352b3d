import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Memo } from '../../../src/deed.ts';
import { type CleanupError, problem } from '../../../src/errors.ts';
import { countLeftOpen, openDeeds, openJournal, recoverJournal } from '../../../src/pipeline/journal.ts';
import { type JournalLine, writeLine } from '../../../src/pipeline/journal-line.ts';
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

  it('may hold half a line in the middle, when the disk was full for a while: that deed was not done', async () => {
    const journal = await openJournal(
      faultyState(state, { method: 'append', nth: 3, errno: 'ENOSPC' }),
      'one',
    );
    await journal.deed('stop', memo('a'));
    // As a write leaves it that found no room for the rest.
    appendFileSync(file, '{"run":"one","type":"deed","id":1,"st');
    await expect(journal.deed('readonly', memo('b'))).rejects.toThrow('ENOSPC');
    await journal.deed('apply', memo('c'));
    expect(await openDeeds(state)).toMatchObject([{ step: 'apply' }, { step: 'stop' }]);
    expect(await countLeftOpen(state)).toBe(2);
    await recoverJournal(state, async () => {});
    expect(existsSync(file)).toBe(false);
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

describe('a journal that is damaged', () => {
  /** Three deeds; then `change` to the text. What was undone, and how it ended. */
  async function recovered(
    change: (lines: string[]) => string[],
  ): Promise<{ kinds: string[]; error: unknown }> {
    const journal = await openJournal(state, 'dead');
    for (const step of ['stop', 'readonly', 'collect'] as const) await journal.deed(step, memo(step));
    writeFileSync(file, change(readFileSync(file, 'utf8').split('\n')).join('\n'));
    const kinds: string[] = [];
    const undo = async ({ kind }: Memo) => void kinds.push(kind);
    const error = await recoverJournal(state, undo).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { kinds, error };
  }

  it.each([
    ['the collector', 3, ['readonly', 'stop']],
    ['the stand-in', 2, ['collect', 'stop']],
    ['the live registry', 1, ['collect', 'readonly']],
  ])(
    'where it told of %s: the rest is undone, the live registry last, and a person is told',
    async (_, line, rest) => {
      const { kinds, error } = await recovered((lines) =>
        lines.with(line, lines[line]?.replace('"id":', '"id":1') ?? ''),
      );
      expect(kinds).toEqual(rest);
      expect(error).toMatchObject({ code: 'JOURNAL_DAMAGED', exitCode: 20 });
      expect((error as CleanupError).hint).toMatch(new RegExp(`\\n {4}rm '${file}'\\n$`));
      expect(existsSync(file)).toBe(true);
      expect(await countLeftOpen(state)).toBeGreaterThan(2);
    },
  );

  it('starts no live registry before the stand-in is gone, in which a collector may run that nobody knows of', async () => {
    const { kinds } = await recovered((lines) => [
      lines[0] ?? '',
      lines[2] ?? '',
      lines[1] ?? '',
      '\0\0\0',
      '',
    ]);
    expect(kinds).toEqual(['readonly', 'stop']);
  });

  it('where nothing is missing is recovered as if it were whole', async () => {
    const { kinds, error } = await recovered((lines) => lines.toSpliced(2, 0, '\0\0\0', '[]', '{}'));
    expect({ kinds, error }).toEqual({ kinds: ['collect', 'readonly', 'stop'], error: undefined });
    expect(existsSync(file)).toBe(false);
  });

  it('is told shortly, however much of it is', async () => {
    const { error } = await recovered((lines) => [...lines.slice(0, 4), ...Array(1_000).fill('{}'), '']);
    expect((error as CleanupError).details).toHaveLength(21);
    expect((error as CleanupError).details.at(-1)).toContain('and 980 more');
  });
});

describe('a journal of a later version', () => {
  it.each([
    ['an unknown step', { type: 'deed', id: 1, step: 'teleport', memo: { kind: 'b' }, unwritten: [] }],
    ['an unknown kind of line', { type: 'promise', id: 1 }],
  ])('with %s is left as it is, and a person is told', async (_, line) => {
    const journal = await openJournal(state, 'later');
    await journal.deed('stop', memo('a'));
    appendFileSync(file, `${writeLine({ run: 'later', ...line } as unknown as JournalLine)}\n`);
    const before = readFileSync(file);
    const undo = () => Promise.reject(new Error('nothing is undone'));
    await expect(recoverJournal(state, undo)).rejects.toMatchObject({
      code: 'JOURNAL_FOREIGN',
      exitCode: 20,
      details: [
        expect.stringMatching(/line 3 is a (?:deed of the step "teleport"|line of the kind "promise")$/),
      ],
    });
    expect(readFileSync(file)).toEqual(before);
    expect(await countLeftOpen(state)).toBe(2);
  });
});
