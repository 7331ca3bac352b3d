import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfAsOwner } from '../../src/pipeline/owner.ts';
import type { StepId } from '../../src/pipeline/steps.ts';
import { type Bench, openBench } from '../support/bench.ts';
import { drive, type Nest, nest } from '../support/drive.ts';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { get, post } from '../support/process-runtime.ts';
import { configFor, program, report } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { credentials, type LiveCommands, liveCommands, startRegistry } from '../support/registry.ts';
import { diff, snapshot, stateDirectory } from '../support/tree.ts';
import { isUnderItsScript, superseded } from '../support/untouched.ts';
import { beforeCollecting } from '../support/wrapper.ts';

interface Document {
  readonly outcome: string;
  readonly exitCode: number;
  readonly recovered: readonly { run: string; step: StepId; what: string }[];
  readonly warnings: readonly string[];
  readonly error: { code: string; message: string; hint: string; details: readonly string[] } | null;
}

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

describe('what a killed run left', () => {
  it.each(['readonly', 'verify'] as const)(
    'in the middle of %s is undone, and nothing is removed by that',
    async (step) => {
      using place = nest();
      await kill(step, place);
      const { registry } = bench;
      const pushed = await post(registry.url).catch(() => 'nobody answers');
      expect([405, 'nobody answers']).toContain(pushed);
      const before = snapshot(registry.root);
      const { document, exitCode } = await recover(bench.configFor('preflight'), place);
      expect({ ...document, exitCode }).toMatchObject({
        outcome: 'ok',
        exitCode: 0,
        error: null,
        warnings: [],
      });
      expect(document.recovered.at(-1)).toMatchObject({ step: 'stop', what: 'the live registry runs again' });
      expect(new Set(document.recovered.map(({ run }) => run)).size).toBe(1);
      expect(diff(before, snapshot(registry.root))).toEqual([]);
      await expectRestored(place);
    },
  );

  it('while it collected is undone newest first, which people are told; a second time there is nothing to do', async () => {
    using place = nest();
    using collecting = gateIn(mkdtempSync(join(bench.registry.directory, 'gate-')), 'collect');
    await killAtGate(collecting, {}, place);
    const config = bench.configFor('preflight');
    const first = await told(config, place);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout).toMatch(/Run \d{8}T\d{6}-[0-9a-f]{8} died and left something open:\n/);
    expect(first.stdout).toContain(`
  - collect: the collector has ended
  - rehearse: the rehearsal has ended
  - readonly: the read-only stand-in is gone
  - stop: the live registry runs again

Everything that was left open is undone.
`);
    await expectRestored(place);
    await pushImage(bench.registry.pushUrl, 'after/it', 'v1');

    const second = await told(config, place);
    expect(second).toMatchObject({ exitCode: 0, stderr: '' });
    expect(second.stdout).toContain('No run died here: there is nothing to recover.\n');
    const { document } = await recover(config, place);
    expect(document).toMatchObject({ outcome: 'nothing-to-do', exitCode: 0, recovered: [] });
    await expectRestored(place);
  });

  it('while it started the registry is nothing but a log, once that serves: it goes', async () => {
    using place = nest();
    const { registry } = bench;
    using starting = gateIn(mkdtempSync(join(registry.directory, 'gate-')), 'start');
    const { start, stop } = liveCommands(registry);
    const live = { start: ['/bin/sh', '-c', `${starting.script}; exec '${start.join("' '")}'`], stop };
    await killAtGate(starting, { live, binary: registry.binary }, place);
    starting.open();
    while ((await get(registry.url)) !== 200) await sleep(20);

    expect(place.left()).not.toEqual([]);
    const { document } = await recover(configFor(registry, { live }), place);
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0 });
    await expectRestored(place);
  });

  it('is undone once by two that come at the same time', async () => {
    using place = nest();
    await kill('collect', place);
    const config = bench.configFor('preflight');
    const both = await Promise.all([recover(config, place), recover(config, place)]);
    const outcomes = both.map(({ document }) => document.error?.code ?? document.outcome);
    expect(outcomes).toContain('ok');
    for (const outcome of outcomes) expect(['ok', 'nothing-to-do', 'LOCK_HELD']).toContain(outcome);
    await expectRestored(place);
  });

  it('is found by the state directory alone, where the registry’s configuration cannot be read any more', async () => {
    using place = nest();
    const directory = mkdtempSync(join(bench.registry.directory, 'state-'));
    const more = { state: { directory } };
    using collecting = gateIn(mkdtempSync(join(bench.registry.directory, 'gate-')), 'collect');
    await killAtGate(collecting, { more }, place);

    const config = configFor(bench.registry, { more, registry: { config: '/nowhere/config.yml' } });
    const { document } = await recover(config, place);
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0 });
    expect(readdirSync(directory).filter((name) => name !== 'runs' && name !== 'reserve')).toEqual([]);
    await expectRestored(place);
  });

  it('cannot be undone where nobody knows the storage: that is refused, with all that is known', async () => {
    const config = configFor(bench.registry, { registry: { config: '/nowhere/config.yml' } });
    using place = nest();
    const { document } = await recover(config, place);
    expect(document).toMatchObject({ outcome: 'refused', exitCode: 6, recovered: [] });
    expect(document.error?.details).toEqual([expect.stringContaining('/nowhere/config.yml: ')]);
  });
});

it('what would be refused to a run is no obstacle', async () => {
  await using registry = await startRegistry({ auth: 'htpasswd' });
  await superseded(registry);
  using place = nest();
  using collecting = gateIn(registry.directory, 'collect');
  const binary = beforeCollecting(registry, collecting.script);
  const config = configFor(registry, { binary, registry: { auth: credentials } });
  let kill = () => {};
  const run = program(['run', '--config', config], {
    env: { TMPDIR: place.path },
    onSpawn: (child) => {
      kill = () => void child.kill('SIGKILL');
    },
  });
  await collecting.reached(run);
  kill();
  await run;

  const unable = configFor(registry);
  expect((await report('plan', unable)).report).toMatchObject({ exitCode: 6 });
  expect((await recover(unable, place)).document).toMatchObject({ outcome: 'ok', exitCode: 0 });
  expect(await get(registry.url)).toBe(401);
  await pushImage(registry.pushUrl, 'after/it', 'v1');
});

describe('a lock', () => {
  it('of a run that lives is left alone, and so is the run', async () => {
    bench.reset();
    const { registry } = bench;
    using place = nest();
    using collecting = gateIn(mkdtempSync(join(registry.directory, 'gate-')), 'collect');
    const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    const run = report('run', config, [], { env: { TMPDIR: place.path } });
    await collecting.reached(run);

    const { document } = await recover(config, place);
    expect(document).toMatchObject({
      outcome: 'failed',
      exitCode: 4,
      recovered: [],
      error: { code: 'LOCK_HELD' },
    });
    collecting.open();
    expect((await run).report).toMatchObject({ outcome: 'ok', exitCode: 0 });
    await expectRestored(place);
  });

  it('of a dead run that had nothing open is released', async () => {
    bench.reset();
    using place = nest();
    const lock = join(bench.registry.root, stateDirectory, 'lock');
    mkdirSync(join(lock, '..'), { recursive: true });
    writeFileSync(lock, JSON.stringify({ ...selfAsOwner('dead'), startedAt: '1' }));
    const { stdout, exitCode } = await told(bench.configFor('preflight'), place);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Nothing was left open but the lock, which is free again.\n');
    await expectRestored(place);
  });

  it('is not taken, and nothing is written, where no run was', async () => {
    await using registry = await startRegistry();
    await pushImage(registry.pushUrl, 'app', 'v1');
    const before = snapshot(registry.root, { ignoreState: false });
    using place = nest();
    const { document } = await recover(configFor(registry), place);
    expect(document).toEqual({
      version: 1,
      command: 'recover',
      outcome: 'nothing-to-do',
      exitCode: 0,
      recovered: [],
      warnings: [],
      error: null,
    });
    expect(diff(before, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
  });
});

describe('a live registry that cannot be started', () => {
  it('ends with 20 and the command to run by hand last on the screen; once it can, it is started', async () => {
    using place = nest();
    const { registry } = bench;
    // What a run remembers is how it was told to start the registry, not what that does by now.
    const obstacle = join(registry.directory, 'obstacle');
    const { start, stop } = liveCommands(registry);
    const script = `[ ! -e '${obstacle}' ] || { echo 'no such unit' >&2; exit 5; }; exec '${start.join("' '")}'`;
    const live: LiveCommands = { start: ['/bin/sh', '-c', script], stop };
    using collecting = gateIn(mkdtempSync(join(registry.directory, 'gate-')), 'collect');
    await killAtGate(collecting, { live }, place);
    writeFileSync(obstacle, '');

    const config = configFor(registry, { live });
    const shown = await told(config, place);
    expect(shown.exitCode).toBe(20);
    expect(shown.stdout).toContain('THE REGISTRY COULD NOT BE RESTORED.');
    expect(shown.stdout).toContain('no such unit');
    const last = shown.stdout.trimEnd().split('\n').at(-1) ?? '';
    expect(last).toMatch(/^ {4}cd \S+ && \/bin\/sh -c /);
    const { document } = await recover(config, place);
    expect(document).toMatchObject({
      outcome: 'not-restored',
      exitCode: 20,
      error: { code: 'NOT_RESTORED' },
    });
    expect(document.error?.hint).toContain(last.trim());
    expect(document.recovered.map(({ step }) => step)).toEqual(['collect', 'rehearse', 'readonly']);

    rmSync(obstacle);
    expect((await recover(config, place)).document).toMatchObject({ outcome: 'ok', exitCode: 0 });
    await expectRestored(place);
    await pushImage(registry.pushUrl, 'after/it', 'v1');
  });
});

async function kill(step: StepId, place: Nest): Promise<void> {
  bench.reset();
  const sends = [{ step, at: 'middle', signal: 'SIGKILL' }] as const;
  const driven = await drive({ configFile: bench.configFor(step), sends }, place);
  expect(driven).toMatchObject({ signal: 'SIGKILL', report: undefined });
}

/** A run on the bench, killed while its collector waits. */
async function killAtGate(
  gate: ReturnType<typeof gateIn>,
  options: Parameters<typeof configFor>[1],
  place: Nest,
): Promise<void> {
  bench.reset();
  const { registry } = bench;
  const config = configFor(registry, { binary: beforeCollecting(registry, gate.script), ...options });
  const child = Promise.withResolvers<() => void>();
  const run = program(['run', '--config', config], {
    env: { TMPDIR: place.path },
    onSpawn: (spawned) => child.resolve(() => void spawned.kill('SIGKILL')),
  });
  await gate.reached(run);
  (await child.promise)();
  expect(await run).toMatchObject({ exitCode: null });
}

function told(config: string, { path }: Nest) {
  return program(['recover', '--config', config], { env: { TMPDIR: path } });
}

async function recover(config: string, { path }: Nest) {
  const { stdout, stderr, exitCode } = await program(['recover', '--json', '--config', config], {
    env: { TMPDIR: path },
  });
  if (stdout === '') throw new Error(`no JSON on stdout (exit ${exitCode}): ${stderr}`);
  return { document: JSON.parse(stdout) as Document, exitCode };
}

/** The live registry answers, under its own script; no lock, no journal, no process and no file is left. */
async function expectRestored(place: Nest): Promise<void> {
  const { registry, closures } = bench;
  expect(place.inhabitants()).toEqual([]);
  expect(place.left()).toEqual([]);
  const state = join(registry.root, stateDirectory);
  const left = existsSync(state) ? readdirSync(state) : [];
  expect(left.filter((name) => name !== 'runs' && name !== 'reserve')).toEqual([]);
  expect(await get(registry.url)).toBe(200);
  expect(isUnderItsScript(registry)).toBe(true);
  assertNothingLost(closures, closure(registry.root));
}
