import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/program.ts';

it('a test run in which a test blocks its process is ended, and says which file was under way', async () => {
  using place = temporaryDirectory();
  const put = (name: string, body: string): void =>
    writeFileSync(join(place.path, name), `import { it } from 'vitest';\nit('is', () => {${body}});\n`);
  symlinkSync(join(process.cwd(), 'node_modules'), join(place.path, 'node_modules'));
  put('short.test.ts', '');
  put('blocked.test.ts', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)');
  const reporter = join(process.cwd(), 'scripts/lib/hang-reporter.mjs');
  const { exitCode, stdout } = await execa('vitest', ['run', '--reporter', reporter], {
    cwd: place.path,
    preferLocal: true,
    localDir: process.cwd(),
    env: { HANGS_AFTER: '5', VITEST: undefined },
    reject: false,
  });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/HANGS: nothing has ended for 5 s\. Under way:\n {2}blocked\.test\.ts/);
  expect(stdout).not.toContain('short.test.ts');
});
