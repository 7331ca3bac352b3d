import { lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openFilesystem } from '../../src/storage/filesystem.ts';
import { failAt, type Operation, tap } from '../support/operations.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
  mkdirSync(join(root, 'a/b'), { recursive: true });
  writeFileSync(join(root, 'a/b/file'), 'text');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('counts what the program does to files below a directory, and nothing else', async () => {
  const storage = openFilesystem(root);
  const elsewhere = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
  using operations = tap({ below: root });
  expect(new TextDecoder().decode(await storage.read('a/b/file'))).toBe('text');
  const reading = names(operations.seen);
  rmSync(elsewhere, { recursive: true });
  operations.begin();
  await storage.remove(['a/b/file']);
  const removing = names(operations.seen);
  operations.end();
  await storage.stat('a');

  expect(reading).toEqual(expect.arrayContaining(['open a/b/file', '.fstat a/b/file', '.read a/b/file']));
  expect(removing.filter((name) => /unlink|rmdir/.test(name))).toEqual([
    'unlink a/b/file',
    'rmdir a/b',
    'rmdir a',
  ]);
  expect(names(operations.seen)).toEqual(removing);
});

it('counts what is written, and made durable', async () => {
  using operations = tap({ below: root, except: [join(root, 'b')] });
  await mkdir(join(root, 'b'));
  const file = await open(join(root, 'journal'), 'wx');
  await file.writeFile('{}');
  await file.datasync();
  await file.close();
  expect(names(operations.seen)).toEqual(['open journal', '.writeFile journal', '.datasync journal']);
  expect(operations.seen.map(({ changes }) => changes)).toEqual([false, true, true]);
});

it('fails where it is told to, as the system would, and is gone afterwards', async () => {
  const storage = openFilesystem(root);
  const look = () => storage.stat('a/b/file');
  const untouched = lstatSync;
  for (const code of ['ENOSPC', 'EIO', 'EACCES', 'EROFS']) {
    using operations = tap({ below: root, act: failAt(1, code) });
    await expect(look()).rejects.toThrow(code);
    expect(operations.seen).toHaveLength(1);
    expect(lstatSync).not.toBe(untouched);
    expect(await look()).toMatchObject({ size: 4 });
  }
  expect(lstatSync).toBe(untouched);
});

it('tells when an operation is done, failed or not', async () => {
  const told: string[] = [];
  using _operations = tap({
    below: root,
    act: ({ call, number }, when) => told.push(`${when} ${call} ${number}`),
  });
  await expect(rmdir(join(root, 'a'))).rejects.toThrow('ENOTEMPTY');
  expect(told).toEqual(['before rmdir 1', 'after rmdir 1']);
});

function names(operations: readonly Operation[]): readonly string[] {
  return operations.map(({ call, path }) => `${call} ${path.slice(root.length + 1)}`);
}
