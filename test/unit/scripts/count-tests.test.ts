import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/program.ts';

/** What the end of a test run says of these files, each run by itself, as the parts of a project are. */
async function summaryOf(files: Record<string, string>): Promise<{ exitCode?: number; stdout: string }> {
  using place = temporaryDirectory();
  symlinkSync(join(process.cwd(), 'node_modules'), join(place.path, 'node_modules'));
  const results = join(place.path, 'results');
  mkdirSync(results);
  const options = { cwd: place.path, env: { VITEST: undefined }, reject: false } as const;
  for (const [name, body] of Object.entries(files)) {
    writeFileSync(join(place.path, `${name}.test.ts`), `import { expect, it } from 'vitest';\n${body}\n`);
    await execa(resolve('scripts/lib/reported'), [join(results, name), `${name}.test.ts`], options);
  }
  return await execa('node', [resolve('scripts/lib/count-tests.mjs'), results], options);
}

const good = "it('is', () => { expect(1).toBe(1); });";
/** As what a machine cannot have is left out. */
const leftOut = "it.runIf(false)('is elsewhere', () => { expect(1).toBe(1); });";

describe('the end of a test run', () => {
  it('says how many passed, and exits with 0 where none failed', async () => {
    const { exitCode, stdout } = await summaryOf({ good, partly: `${good}\n${leftOut}` });
    expect(stdout).toBe('\n2 passed, 0 failed, 1 skipped');
    expect(exitCode).toBe(0);
  });

  it('names what failed and why', async () => {
    const { exitCode, stdout } = await summaryOf({
      good,
      bad: "it('is two', () => { expect(1, 'what was counted').toBe(2); });",
    });
    expect(stdout).toContain(
      'Failed: bad.test.ts > is two\n  AssertionError: what was counted: expected 1 to be 2',
    );
    expect(stdout).toMatch(/\n\n1 passed, 1 failed, 0 skipped$/);
    expect(exitCode).toBe(1);
  });

  it('names a file that could not be loaded, and one in which something failed outside its tests', async () => {
    const { exitCode, stdout } = await summaryOf({
      unloaded: "throw new Error('no such thing');",
      outside: `${good}\nit('waits', async () => { Promise.reject(new Error('unheard')); await new Promise(setImmediate); });`,
    });
    expect(stdout).toContain('Failed: unloaded.test.ts\n  no such thing');
    expect(stdout).toContain('Failed: outside, outside its tests');
    expect(stdout).toMatch(/\n\n2 passed, 2 failed, 0 skipped$/);
    expect(exitCode).toBe(1);
  });

  it('names a run that died', async () => {
    const { exitCode, stdout } = await summaryOf({ good, dies: "process.kill(process.ppid, 'SIGKILL');" });
    expect(stdout).toBe(
      '\nFailed: dies, outside its tests; what it printed says why\n\n1 passed, 1 failed, 0 skipped',
    );
    expect(exitCode).toBe(1);
  });

  it('exits with 1 where nothing passed', async () => {
    const { exitCode, stdout } = await summaryOf({ leftOut });
    expect(stdout).toBe('\n0 passed, 0 failed, 1 skipped');
    expect(exitCode).toBe(1);
  });
});
