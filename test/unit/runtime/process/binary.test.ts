import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findProgram, parseVersion } from '../../../../src/runtime/process/binary.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test.each([
  ['docker-registry github.com/docker/distribution 2.8.2+ds1\n', '2.8.2+ds1', 2],
  ['registry github.com/docker/distribution v2.8.3\n', '2.8.3', 2],
  ['/bin/registry github.com/distribution/distribution/v3 3.1.1\n', '3.1.1', 3],
  ['registry github.com/distribution/distribution/v3 v3.0.0-rc.1.m\n', '3.0.0-rc.1.m', 3],
])('reads the version in %j', (text, version, major) => {
  expect(parseVersion(text)).toEqual({ version, major });
});

test.each([
  '',
  'ls (GNU coreutils) 9.1',
  'registry 2.8.2',
  'registry github.com/docker/distribution unknown',
])('finds no version of a registry in %j', (text) => {
  expect(parseVersion(text)).toBeUndefined();
});

test('takes the first name that can be run, wherever on the PATH', async () => {
  const [first, second] = [join(directory, 'a'), join(directory, 'b')];
  for (const at of [first, second]) mkdirSync(at);
  writeFileSync(join(first, 'registry'), 'not executable');
  mkdirSync(join(first, 'docker-registry'));
  writeFileSync(join(second, 'docker-registry'), '');
  chmodSync(join(second, 'docker-registry'), 0o755);
  const path = `${first}:${second}`;
  expect(await findProgram(['registry', 'docker-registry'], path)).toBe(join(second, 'docker-registry'));
  expect(await findProgram(['registry'], path)).toBeUndefined();
  expect(await findProgram(['registry'], undefined)).toBeUndefined();
  expect(await findProgram([join(second, 'docker-registry')], '')).toBe(join(second, 'docker-registry'));
});
