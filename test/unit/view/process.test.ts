import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const module = new URL('../../../src/view/open-view.ts', import.meta.url).href;

/** Runs `script` in a process of its own, with `open(mode)` at hand. */
function runScript(script: string) {
  const prelude = `
    import { openView } from ${JSON.stringify(module)};
    const open = (mode) => openView({ mode, stream: process.stdout, env: {} });`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', prelude + script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
}

test.each(['lines', 'terminal'])('a step that never ends keeps no process alive (%s)', (mode) => {
  const { status, stdout } = runScript(`open('${mode}').emit({ type: 'step-started', id: 'collect' });`);
  expect(status).toBe(0);
  expect(stdout).toContain('Collecting blobs');
});

test('a process that crashes in the middle shows its error and the cursor', () => {
  const { status, stdout, stderr } = runScript(`
    open('terminal').emit({ type: 'step-started', id: 'collect' });
    setTimeout(() => { throw new Error('a bug'); }, 400);`);
  expect(status).toBe(1);
  expect(stderr).toContain('a bug');
  expect(stdout).toContain('\x1b[?25l');
  expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?25l'));
});

test('listr2 is loaded by the first row that a terminal draws, and not before', () => {
  const { stdout } = runScript(`
    import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) {
      if (specifier === 'listr2') process.stdout.write('loaded;');
      return next(specifier, context);
    } });
    const lines = open('lines');
    lines.emit({ type: 'step-started', id: 'lock' });
    await lines.close();
    const terminal = open('terminal');
    process.stdout.write('opened;');
    terminal.emit({ type: 'step-started', id: 'lock' });
    await terminal.close();`);
  expect(stdout.indexOf('opened;')).toBeGreaterThan(0);
  expect(stdout.indexOf('loaded;')).toBeGreaterThan(stdout.indexOf('opened;'));
});
