import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findProgram } from '../../../../src/runtime/process/binary.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

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
