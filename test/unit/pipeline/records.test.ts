import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepRecord } from '../../../src/pipeline/records.ts';
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

it('keeps the record of a run', async () => {
  await keepRecord(state, '20260101T000000-00000000', { outcome: 'ok' });
  const kept = await state.read('runs/20260101T000000-00000000.json');
  expect(JSON.parse(kept?.text ?? '')).toEqual({ outcome: 'ok' });
});

it('remembers the newest 30', async () => {
  const ids = Array.from(
    { length: 33 },
    (_, day) => `2026${String(101 + day).padStart(4, '0')}T000000-aaaaaaaa`,
  );
  for (const id of ids) await keepRecord(state, id, {});
  expect(await state.list('runs/')).toEqual(ids.slice(3).map((id) => `runs/${id}.json`));
});
