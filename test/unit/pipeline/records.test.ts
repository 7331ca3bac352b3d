import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  forgetOldRuns,
  keepRecord,
  listRuns,
  logOf,
  noteRecovered,
  recordOf,
} from '../../../src/pipeline/records.ts';
import { openRunLog } from '../../../src/pipeline/run-log.ts';
import { readRunLog } from '../../../src/pipeline/run-log-read.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import type { State } from '../../../src/storage/storage.ts';
import { temporaryDirectory } from '../../support/program.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let state: State;
beforeEach(() => {
  directory = temporaryDirectory();
  state = filesystemState(directory.path);
});
afterEach(() => directory[Symbol.dispose]());

const ids = Array.from(
  { length: 33 },
  (_, day) => `2026${String(101 + day).padStart(4, '0')}T000000-aaaaaaaa`,
);

function open(run: string) {
  return openRunLog({
    state,
    run,
    begin: { version: '1', registry: null, settings: {} },
    onMissed: () => {},
  });
}

const end = { outcome: 'ok', exitCode: 0, seconds: 1, error: null, removed: null, window: null };

it('keeps the record of a run', async () => {
  await keepRecord(state, '20260101T000000-00000000', { outcome: 'ok' });
  const kept = await state.read('runs/20260101T000000-00000000.json');
  expect(JSON.parse(kept?.text ?? '')).toEqual({ outcome: 'ok' });
});

it('remembers the newest 30', async () => {
  for (const id of ids) await keepRecord(state, id, {});
  expect(await state.list('runs/')).toEqual(ids.slice(3).map((id) => `runs/${id}.json`));
});

it('remembers the newest 30 with their logs, those that never ended among them', async () => {
  for (const [day, id] of ids.entries()) {
    await open(id);
    if (day % 2 === 0) await keepRecord(state, id, {});
  }
  const known = ids.slice(3).map((id, day) => ({ id, hasRecord: day % 2 === 1, hasLog: true }));
  expect(await listRuns(state)).toEqual(known);
  // One more begins.
  await forgetOldRuns(state, '20270101T000000-aaaaaaaa');
  expect(await listRuns(state)).toEqual(known.slice(1));
});

it('leaves alone what it does not know', async () => {
  const others = [
    'runs/README',
    'runs/20260101T000000-zzzzzzzz.json',
    'runs/old/20260101T000000-aaaaaaaa.json',
  ];
  for (const key of others) await state.createExclusive(key, 'mine');
  for (const id of ids) await keepRecord(state, id, {});
  expect(await listRuns(state)).toHaveLength(30);
  for (const key of others) expect((await state.read(key))?.text).toBe('mine');
});

describe('when a run takes over', () => {
  const [dead = '', earlier = '', orderly = '', by = ''] = ids;
  const log = async (id: string) => readRunLog((await state.read(logOf(id)))?.text ?? '');

  it('is noted with the dead ones, once, with what was undone', async () => {
    await open(dead);
    await (await open(orderly)).end(end);
    await open(by);
    const stop = { run: dead, step: 'stop' };
    await noteRecovered(state, by, [stop, { run: dead, step: 'readonly' }, stop]);
    await noteRecovered(state, ids[4] ?? '', []);
    expect((await log(dead)).recovered).toMatchObject({ by, undone: ['stop', 'readonly'] });
    expect((await log(orderly)).recovered).toBeUndefined();
    // It began after, and is none of the dead to itself, but it is to whoever comes next.
    expect((await log(by)).recovered).toMatchObject({ by: ids[4], undone: [] });
    expect((await state.read(logOf(dead)))?.text.match(/"recovered"/g)).toHaveLength(1);
  });

  it('is noted with one that ended, and could not restore the registry', async () => {
    const kept = await open(earlier);
    await kept.end({ ...end, outcome: 'not-restored', exitCode: 20 });
    await keepRecord(state, earlier, {});
    await noteRecovered(state, by, [{ run: earlier, step: 'stop' }]);
    expect((await log(earlier)).recovered).toMatchObject({ by, undone: ['stop'] });
  });

  it('makes no log for a run that has none', async () => {
    await keepRecord(state, earlier, {});
    await noteRecovered(state, by, [
      { run: earlier, step: 'stop' },
      { run: 'unheard of', step: 'stop' },
    ]);
    expect(await state.list('runs/')).toEqual([recordOf(earlier)]);
  });
});
