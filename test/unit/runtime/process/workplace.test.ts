import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  lastLines,
  makeWorkplace,
  removeWorkplace,
  runOfArgument,
  workplaceFor,
} from '../../../../src/runtime/process/workplace.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const inDirectory = (name: string) => join(directory, name);

test("holds the run's id in a way that is found again in a child's arguments", () => {
  const place = workplaceFor('20261120T191500-5f3a9c1e', 'serve');
  expect(runOfArgument(join(place, 'config.yml'))).toBe('20261120T191500-5f3a9c1e');
  expect(workplaceFor('20261120T191500-5f3a9c1e', 'serve')).not.toBe(place);
});

test.each(['', 'a', '../..', 'a/b/c', 'a b c d', '.hidden'])('takes no id like %j', (id) => {
  expect(() => workplaceFor(id, 'serve')).toThrow('not the id of a run');
});

test.each([
  'serve',
  '/etc/docker/registry/config.yml',
  '/tmp/registry-cleanup--serve-0123456789ab/config.yml',
])('finds no run in %s', (argument) => {
  expect(runOfArgument(argument)).toBeUndefined();
});

test('is not taken where somebody was before us', async () => {
  const place = inDirectory(basename(workplaceFor('run-1', 'collect')));
  symlinkSync(directory, place);
  await expect(makeWorkplace(place, 'x')).rejects.toThrow('EEXIST');
});

test('is removed with all that is in it, absent or not', async () => {
  const place = inDirectory(basename(workplaceFor('run-1', 'collect')));
  const config = await makeWorkplace(place, 'x');
  writeFileSync(join(place, 'log'), 'y');
  expect(config).toBe(join(place, 'config.yml'));
  await removeWorkplace(place);
  await removeWorkplace(place);
  expect(existsSync(place)).toBe(false);
});

test('nothing else is ever removed, and no link is followed', async () => {
  mkdirSync(inDirectory('precious'));
  await expect(removeWorkplace(inDirectory('precious'))).rejects.toThrow('no directory of a run');
  const link = inDirectory('registry-cleanup-run-1-serve-0123456789ab');
  symlinkSync(inDirectory('precious'), link);
  await removeWorkplace(link);
  expect(existsSync(inDirectory('precious'))).toBe(true);
});

test('what cannot be removed is told as litter, which keeps nobody from starting the registry', async () => {
  const loop = inDirectory('loop');
  symlinkSync(loop, loop);
  const place = join(loop, 'registry-cleanup-run-1-collect-0123456789ab');
  await expect(removeWorkplace(place)).rejects.toMatchObject({ code: 'LITTER_LEFT' });
});

test('the last lines of a log, and none of one that is not there', async () => {
  writeFileSync(inDirectory('log'), 'a\nb\n\nc\n');
  expect(await lastLines(inDirectory('log'), 2)).toEqual(['b', 'c']);
  expect(await lastLines(inDirectory('none'))).toEqual([]);
});
