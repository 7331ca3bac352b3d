import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openJournal } from '../../../src/pipeline/journal.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import { type Operation, tap } from '../../support/operations.ts';
import { temporaryDirectory } from '../../support/program.ts';

/** What changed the journal, or made it durable, in order. */
function changes(seen: readonly Operation[], file: string): string[] {
  return seen.filter(({ path, changes }) => changes && path === file).map(({ call }) => call);
}

it('a deed is on the disk, and not only in the file, before it is told to be journaled', async () => {
  using directory = temporaryDirectory();
  const parent = join(directory.path, 'state');
  const file = join(parent, 'journal.ndjson');
  using operations = tap({ below: directory.path });
  const journal = await openJournal(filesystemState(parent), 'one');
  expect(changes(operations.seen, file).at(-1)).toBe('.datasync');
  // The name of a file that is new, and that of its directory.
  const synced = operations.seen.filter(({ call }) => call === '.sync').map(({ path }) => path);
  expect(synced).toEqual(expect.arrayContaining([parent, directory.path]));

  operations.begin();
  const id = await journal.deed('stop', { kind: 'any' });
  expect(changes(operations.seen, file)).toEqual([expect.stringMatching(/^\.write/), '.datasync']);

  operations.begin();
  await journal.undone(id);
  expect(changes(operations.seen, file).at(-1)).toBe('.datasync');

  operations.begin();
  await journal.close();
  expect(operations.seen.map(({ call, path }) => `${call} ${path}`)).toEqual(
    expect.arrayContaining([`unlink ${file}`, `.sync ${parent}`]),
  );
});
