import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfigurationFile } from '../../../src/registry/configuration-file.ts';
import { temporaryDirectory } from '../../support/program.ts';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory[Symbol.dispose]());

test('reads a file, through links, too', async () => {
  const path = join(directory.path, 'config.yml');
  writeFileSync(path, 'version: 0.1 # é\n');
  symlinkSync(path, join(directory.path, 'link'));
  expect(await readConfigurationFile(join(directory.path, 'link'))).toBe('version: 0.1 # é\n');
});

test('does not wait for a pipe', async () => {
  const path = join(directory.path, 'pipe');
  execFileSync('mkfifo', [path]);
  await expect(readConfigurationFile(path)).rejects.toThrow('it is not a file');
});

test.each(['/dev/zero', '/proc/self'])('does not read %s', async (path) => {
  await expect(readConfigurationFile(path)).rejects.toThrow('it is not a file');
});

test('reads no further than 1 MiB', async () => {
  const path = join(directory.path, 'huge');
  writeFileSync(path, '');
  // Sparse: it takes no room.
  truncateSync(path, 2 ** 40);
  await expect(readConfigurationFile(path)).rejects.toThrow('larger than 1 MiB');
  mkdirSync(join(directory.path, 'd'));
  await expect(readConfigurationFile(join(directory.path, 'd'))).rejects.toThrow('it is not a file');
  await expect(readConfigurationFile(join(directory.path, 'absent'))).rejects.toThrow('ENOENT');
});
