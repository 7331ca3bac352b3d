import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAnythingLeft, undoLeftOpen } from '../../../src/commands/left-open.ts';
import { type CleanupError, problem } from '../../../src/errors.ts';
import type { Event } from '../../../src/pipeline/events.ts';
import { openDeeds, openJournal } from '../../../src/pipeline/journal.ts';
import type { StepId } from '../../../src/pipeline/steps.ts';
import type { Memo } from '../../../src/runtime/runtime.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import type { State } from '../../../src/storage/storage.ts';
import { temporaryDirectory } from '../../support/program.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let state: State;
beforeEach(async () => {
  directory = temporaryDirectory();
  state = filesystemState(directory.path);
  const journal = await openJournal(state, 'dead');
  for (const step of ['stop', 'readonly', 'collect'] as const) await journal.deed(step, { kind: step });
});
afterEach(() => directory[Symbol.dispose]());

/** Undoes nothing, and fails where it is told to: no real process refuses to die. */
function undoing(failures: Partial<Record<StepId, CleanupError>> = {}) {
  const undone: string[] = [];
  const runtime = {
    async undo({ kind }: Memo) {
      undone.push(kind);
      const failure = failures[kind as StepId];
      if (failure !== undefined) throw failure;
    },
  };
  return { runtime, undone };
}

const immortal = problem('COMMAND_FAILED', {
  command: 'kill -KILL 7',
  reason: 'the process does not end',
});
const denied = problem('STORAGE_FAILED', { deed: 'remove', path: '/tmp/x', reason: 'EACCES' });
const litter = problem('LITTER_LEFT', { path: '/tmp/x', reason: 'read-only file system' });
const closed = problem('NOT_RESTORED', { reasons: ['no such unit'], command: 'systemctl start it' });

describe('undoing what is left open', () => {
  it('tells every deed as it is undone, and leaves no journal', async () => {
    const { runtime, undone } = undoing();
    const events: Event[] = [];
    const told: string[] = [];
    const emit = (event: Event) => events.push(event);
    const deeds = await undoLeftOpen({ state, runtime, emit, onUndone: ({ step }) => told.push(step) });
    expect(undone).toEqual(['collect', 'readonly', 'stop']);
    expect(told).toEqual(undone);
    expect(deeds.map(({ step }) => step)).toEqual(undone);
    expect(events.map((event) => event.type === 'undo' && `${event.id} ${event.outcome}`)).toEqual([
      'collect started',
      'collect ok',
      'readonly started',
      'readonly ok',
      'stop started',
      'stop ok',
    ]);
    expect(await isAnythingLeft(state)).toBe(false);
  });

  it('is done where something is left lying about, which is told', async () => {
    const { runtime, undone } = undoing({ collect: litter });
    const events: Event[] = [];
    await undoLeftOpen({ state, runtime, emit: (event) => events.push(event) });
    expect(undone).toEqual(['collect', 'readonly', 'stop']);
    expect(events).toContainEqual({ type: 'warning', text: litter.message });
    expect(await isAnythingLeft(state)).toBe(false);
  });

  it('a registry that remembers what is gone is told once: there is nothing to undo about it later', async () => {
    const stale = problem('NOT_FRESH', { found: ['registry serve (pid 7)'], command: 'kill 7' });
    const { runtime, undone } = undoing({ readonly: stale });
    const events: Event[] = [];
    const emit = (event: Event) => events.push(event);
    await expect(undoLeftOpen({ state, runtime, emit })).rejects.toBe(stale);
    expect(undone).toEqual(['collect', 'readonly', 'stop']);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'undo', id: 'readonly', outcome: 'failed' }),
    );
    expect(await isAnythingLeft(state)).toBe(false);
  });

  it('a collector that does not end keeps the registry closed, which is told as such', async () => {
    const { runtime, undone } = undoing({ collect: immortal });
    const events: Event[] = [];
    const emit = (event: Event) => events.push(event);
    await expect(undoLeftOpen({ state, runtime, emit })).rejects.toMatchObject({
      code: 'NOT_RESTORED',
      exitCode: 20,
      details: [expect.stringMatching(/^collect: kill -KILL 7 failed/), immortal.hint],
      hint: expect.stringMatching(/\n {4}registry-cleanup recover\n$/),
    });
    expect(undone).toEqual(['collect']);
    expect(events.at(-1)).toEqual({
      type: 'undo',
      id: 'collect',
      outcome: 'failed',
      reason: expect.stringContaining(immortal.message),
    });
    expect(await openDeeds(state)).toHaveLength(3);
  });

  it('what fails beside a registry that runs again is told as it is', async () => {
    const { runtime, undone } = undoing({ readonly: denied });
    await expect(undoLeftOpen({ state, runtime })).rejects.toBe(denied);
    expect(undone).toEqual(['collect', 'readonly', 'stop']);
    expect(await isAnythingLeft(state)).toBe(true);
  });

  it('the registry that does not start is what is told, with its own command', async () => {
    const { runtime } = undoing({ readonly: denied, stop: closed });
    await expect(undoLeftOpen({ state, runtime })).rejects.toBe(closed);
  });
});

describe('whether anything is left', () => {
  it('is so with a lock or a journal, and not with records of runs', async () => {
    expect(await isAnythingLeft(state)).toBe(true);
    await state.remove('journal.ndjson');
    await state.createExclusive('runs/20260101T000000-00000000.json', '{}');
    expect(await isAnythingLeft(state)).toBe(false);
    await state.createExclusive('lock', '');
    expect(await isAnythingLeft(state)).toBe(true);
  });
});
