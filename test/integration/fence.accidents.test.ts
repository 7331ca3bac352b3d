import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { get, post } from '../support/process-runtime.ts';
import { gone, servingPids, signal } from '../support/processes.ts';
import { configFor, report } from '../support/program.ts';
import { outageOf, pull } from '../support/pulling.ts';
import { liveCommands, startRegistry, type TestRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { isUnderItsScript, superseded } from '../support/untouched.ts';
import { beforeCollecting } from '../support/wrapper.ts';

const temporary = freshTmpdir();

describe('when something dies while blobs are collected', () => {
  it('the stand-in: the run stops with exit 5, and does not tell of a shorter outage than there was', async () => {
    await using registry = await startRegistry();
    const { kept } = await superseded(registry);
    const before = closure(registry.root);
    using collecting = gateIn(registry.directory, 'collect');
    const binary = beforeCollecting(registry, collecting.script);
    await using client = await pull(registry.url, 'team/app', kept);
    await using running = runTold(configFor(registry, { binary }));
    await collecting.reached(running);
    const standIn = join(standInDirectory(), 'config.yml');
    for (const pid of servingPids(standIn)) signal(pid, 'SIGKILL');
    await gone(standIn);

    // The collector still waits at the gate: it is ended without having swept anything.
    const document = await running;
    expect(document).toMatchObject({ outcome: 'failed', exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(document.error?.message).toContain('stand-in does not serve');
    await expectBackAndWhole(registry, before);
    const outage = outageOf(await client.stop());
    expect(outage).toBeGreaterThan(0.1);
    expect(outage).toBeLessThanOrEqual(document.window.unavailableSeconds);
    await expectNextRunCleans(registry, before);
  });

  it.each([
    ['before it sweeps', 'kill -KILL $$'],
    ['while it sweeps', '"$real" "$@" | head -n 14; kill -KILL $$'],
  ])(
    'the collector, %s: the run fails with exit 1, the registry is back, nothing is lost, and the next run ends it',
    async (_when, script) => {
      await using registry = await startRegistry();
      await superseded(registry);
      const before = closure(registry.root);
      const document = await runTold(configFor(registry, { binary: beforeCollecting(registry, script) }));
      expect(document).toMatchObject({ outcome: 'failed', exitCode: 1, error: { code: 'COLLECTOR_FAILED' } });
      expect(document.error?.message).toContain('SIGKILL');
      await expectBackAndWhole(registry, before);
      await expectNextRunCleans(registry, before);
    },
  );
});

describe('when the registry cannot be started again', () => {
  it('the exact command to run by hand is the last thing on the screen and in the document, with exit 20', async () => {
    await using registry = await startRegistry();
    const broken = join(registry.directory, "out of order, isn't it");
    const script = `test ! -e "$1" || { echo "no more ports" >&2; exit 3; }; exec "$2" start`;
    const { start, stop } = liveCommands(registry);
    const live = { start: ['/bin/sh', '-c', script, 'starter', broken, String(start[0])], stop };
    const config = configFor(registry, { live, registry: { startTimeout: '10s' } });
    const env = { TMPDIR: temporary.path };

    await superseded(registry);
    const before = closure(registry.root);
    writeFileSync(broken, '');
    const { exitCode, screen } = await inTerminal(['run', '--config', config], env);
    expect(exitCode).toBe(20);
    expect(screen).toContain('THE REGISTRY COULD NOT BE RESTORED');
    expect(screen).toContain('no more ports');
    const byHand = screen.trimEnd().split('\n').at(-1)?.trim() ?? '';
    expect(await get(registry.url)).toBeUndefined();

    const words = execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${byHand}`], { encoding: 'utf8' });
    expect(words.trimEnd().split('\n')).toEqual(live.start);

    // Whoever does as they are told has a registry again.
    rmSync(broken);
    execFileSync('/bin/sh', ['-c', byHand]);
    while ((await get(registry.url)) === undefined) await new Promise((next) => setTimeout(next, 20));
    expect(isUnderItsScript(registry)).toBe(true);
    assertNothingLost(before, closure(registry.root));
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);

    await superseded(registry);
    writeFileSync(broken, '');
    const told = await report('run', config, [], { env });
    expect(told.exitCode).toBe(20);
    expect(told.report).toMatchObject({
      outcome: 'not-restored',
      exitCode: 20,
      error: { code: 'NOT_RESTORED' },
    });
    expect(told.report.error?.hint.trimEnd().split('\n').at(-1)?.trim()).toBe(byHand);
    expect(told.report.error?.details.join('\n')).toContain('no more ports');

    // The next run begins with what this one could not do.
    rmSync(broken);
    const next = await report('run', config, [], { env });
    expect(next.report).toMatchObject({ exitCode: 0 });
    expect(await post(registry.url)).toBe(202);
  });
});

async function expectBackAndWhole(registry: TestRegistry, before: ReturnType<typeof closure>): Promise<void> {
  assertNothingLost(before, closure(registry.root));
  expect(isUnderItsScript(registry)).toBe(true);
  expect(await post(registry.url)).toBe(202);
}

async function expectNextRunCleans(
  registry: TestRegistry,
  before: ReturnType<typeof closure>,
): Promise<void> {
  const next = await runTold(configFor(registry));
  // A collector that was met late may have left nothing to do.
  expect(['ok', 'nothing-to-do']).toContain(next.outcome);
  assertNothingLost(before, closure(registry.root));
  expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
}

/** Runs the program in a terminal of 80 columns; what it shows there, without colours. */
function inTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly exitCode: number; readonly screen: string }> {
  const cli = join(import.meta.dirname, '../../src/cli.ts');
  const command = [process.execPath, cli, ...args].map((word) => `'${word}'`).join(' ');
  const { PATH = '', HOME = '/' } = process.env;
  const { promise, resolve, reject } = Promise.withResolvers<{ exitCode: number; screen: string }>();
  const options = { env: { PATH, HOME, TERM: 'xterm', ...env } };
  execFile('script', ['-qec', command, '/dev/null'], options, (error, stdout) => {
    if (error !== null && typeof error.code !== 'number') return reject(error);
    resolve({
      exitCode: Number(error?.code ?? 0),
      screen: stripVTControlCharacters(stdout).replaceAll('\r', ''),
    });
  }).stdin?.end();
  return promise;
}

/** Of the stand-in that serves now. */
function standInDirectory(): string {
  const name = readdirSync(temporary.path).find((name) => /^registry-cleanup-.*-serve-/.test(name));
  if (name === undefined) throw new Error('there is no stand-in');
  return join(temporary.path, name);
}
