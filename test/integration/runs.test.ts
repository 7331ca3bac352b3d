import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunItem, RunShownDocument, RunsDocument } from '../../src/report/runs-document.ts';
import { type Bench, openBench } from '../support/bench.ts';
import { drive, type Nest, nest } from '../support/drive.ts';
import { gateIn } from '../support/gate.ts';
import { configFor, type ProgramOptions, program, report } from '../support/program.ts';
import { readOnlyWay } from '../support/read-only.ts';
import { type LiveCommands, liveCommands } from '../support/registry.ts';
import { diff, type Snapshot, snapshot, stateDirectory } from '../support/tree.ts';
import { beforeCollecting } from '../support/wrapper.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

it('a run is on record with everything that it removed, and why', async () => {
  forget();
  bench.reset();
  const before = snapshot(bench.registry.root);
  const { report: ran } = await report('run', bench.configFor('preflight'));
  const gone = removedFiles(before);
  expect(gone.length).toBeGreaterThan(20);

  const { runs } = await list();
  expect(runs).toMatchObject([
    { state: 'ended', outcome: 'ok', exitCode: 0, removed: ran.removed, window: ran.window, recovered: null },
  ]);
  const shown = await show('last');
  expect(shown.run).toMatchObject({ id: runs[0]?.id });
  expect(shown.items.filter(({ outcome }) => !['removed', 'absent', 'stayed'].includes(outcome))).toEqual([]);
  expectFiles(shown.items, 'removed', gone);
  expect(shown.items.every(({ because }) => because.length > 10)).toBe(true);
  const { steps: _, ...rest } = ran;
  expect(shown.report).toMatchObject(rest);
  expect(shown.log).toMatchObject({
    missed: 0,
    unnamed: {},
    besides: [],
    settings: { 'untagged.keepWithin': '0s' },
  });

  // Nothing is left to do, and that is on record, too.
  await report('run', bench.configFor('preflight'));
  expect((await list()).runs.map(({ outcome }) => outcome)).toEqual(['nothing-to-do', 'ok']);
});

it('of a run that was killed everything is on record that went, and what it was about; and who recovered it', async () => {
  forget();
  using place = nest();
  using collecting = gateIn(mkdtempSync(join(bench.registry.directory, 'gate-')), 'collect');
  bench.reset();
  const before = snapshot(bench.registry.root);
  await killAt(collecting, place, async () => {
    expect((await list()).runs).toMatchObject([{ state: 'running', exitCode: null }]);
  });

  const { runs } = await list();
  expect(runs).toMatchObject([{ state: 'killed', outcome: null, exitCode: null, recovered: null }]);
  const gone = removedFiles(before);
  const [id = ''] = runs.map((run) => run.id);
  const killed = await show(id.slice(0, -4));
  expect(killed.report).toBeNull();
  expectFiles(killed.items, 'removed', gone);
  const unknown = killed.items.filter(({ outcome }) => outcome === 'unknown');
  expect(unknown.length).toBeGreaterThan(5);
  for (const { kind, key } of unknown) {
    expect(kind).toBe('blob');
    expect(before.has(key ?? '')).toBe(true);
  }
  const text = await program(['runs', '--config', bench.configFor('preflight')]);
  expect(text.stdout).toMatch(/ killed .*\n {4}last heard of when the collector was about to run, or ran\n/);

  const recovering = await program(['recover', '--config', bench.configFor('preflight')], {
    env: { TMPDIR: place.path },
  });
  expect(recovering.exitCode).toBe(0);
  const { runs: after } = await list();
  expect(after).toMatchObject([
    { id, state: 'killed', recovered: { undone: expect.arrayContaining(['stop']) } },
  ]);
});

it('a killed run is noted as taken over by the next run', async () => {
  forget();
  bench.reset();
  using place = nest();
  const sends = [{ step: 'apply', at: 'middle', signal: 'SIGKILL' }] as const;
  expect(await drive({ configFile: bench.configFor('apply'), sends }, place)).toMatchObject({
    signal: 'SIGKILL',
  });
  await report('run', bench.configFor('preflight'), [], { env: { TMPDIR: place.path } });
  const { runs } = await list();
  expect(runs).toMatchObject([
    { outcome: 'ok', recovered: null },
    { state: 'killed', recovered: { by: runs[0]?.id } },
  ]);
});

it('a run that cannot restore what a dead one left is on record, and who could in the end', async () => {
  forget();
  bench.reset();
  const { registry } = bench;
  using place = nest();
  const obstacle = join(mkdtempSync(join(registry.directory, 'obstacle-')), 'there');
  const { start, stop } = liveCommands(registry);
  const script = `[ ! -e '${obstacle}' ] || exit 5; exec '${start.join("' '")}'`;
  const live: LiveCommands = { start: ['/bin/sh', '-c', script], stop };
  using collecting = gateIn(mkdtempSync(join(registry.directory, 'gate-')), 'collect');
  await killAt(collecting, place, async () => writeFileSync(obstacle, ''), live);
  const options = { env: { TMPDIR: place.path } };
  expect((await report('run', configFor(registry, { live }), [], options)).exitCode).toBe(20);
  expect((await list()).runs).toMatchObject([
    { state: 'ended', outcome: 'not-restored', exitCode: 20, error: 'NOT_RESTORED', recovered: null },
    { state: 'killed', recovered: null },
  ]);
  rmSync(obstacle);
  expect((await report('run', configFor(registry, { live }), [], options)).exitCode).toBe(0);
  const { runs } = await list();
  expect(runs).toMatchObject([
    { outcome: 'ok' },
    { exitCode: 20 },
    { state: 'killed', recovered: { by: runs[0]?.id, undone: expect.arrayContaining(['stop']) } },
  ]);
});

it('an interrupted run and a refused one are on record; who finds the lock taken, and a dry run, are not', async () => {
  forget();
  bench.reset();
  using place = nest();
  using collecting = gateIn(mkdtempSync(join(bench.registry.directory, 'gate-')), 'collect');
  const config = configFor(bench.registry, { binary: beforeCollecting(bench.registry, collecting.script) });
  expect((await report('run', config, ['--dry-run'])).exitCode).toBe(0);
  expect((await list()).runs).toEqual([]);
  let interrupt = () => {};
  const run = report('run', config, [], {
    env: { TMPDIR: place.path },
    onSpawn: (child) => {
      interrupt = () => void child.kill('SIGTERM');
    },
  });
  await collecting.reached(run);
  expect((await report('run', config)).exitCode).toBe(4);
  interrupt();
  expect((await run).exitCode).toBe(143);

  const link = 'docker/registry/v2/repositories/other/_manifests/tags/v1/current/link';
  writeFileSync(join(bench.registry.root, link), `sha256:${'0'.repeat(64)}`);
  expect((await report('run', bench.configFor('preflight'))).exitCode).toBe(6);
  const { runs } = await list();
  expect(runs).toMatchObject([
    { outcome: 'refused', exitCode: 6, error: 'REFUSED' },
    { outcome: 'interrupted', exitCode: 143, error: 'INTERRUPTED' },
  ]);
  const { items } = await show(runs[1]?.id ?? '');
  expect(items.filter(({ kind }) => kind === 'revision').map(({ outcome }) => outcome)).toContain('removed');
});

it('needs no registry where the state has a directory of its own, and no right to write there', async () => {
  const directory = mkdtempSync(join(bench.registry.directory, 'state-'));
  bench.reset();
  const more = { state: { directory } };
  await report('run', configFor(bench.registry, { more }));
  const config = configFor(bench.registry, {
    more,
    binary: '/nowhere/registry',
    registry: { config: '/nowhere/config.yml' },
  });
  const way = readOnlyWay();
  const before = snapshot(directory);
  const options = { under: way.command(directory, bench.registry.directory) };
  const { stdout, exitCode } = await program(['runs', 'show', 'last', '--config', config], options);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('\n[ Report ]\n');
  expect((await json<RunsDocument>(['runs'], config, options)).runs).toHaveLength(1);
  expect(diff(before, snapshot(directory))).toEqual([]);
});

it('a run that nobody knows is exit code 2, with those that are known', async () => {
  forget();
  const { stdout, exitCode } = await program([
    'runs',
    'show',
    '2026',
    '--config',
    bench.configFor('preflight'),
  ]);
  expect(exitCode).toBe(2);
  expect(stdout).toContain('ERROR RUN_UNKNOWN');
  expect(stdout).toContain('No run is on record there.');
  const { runs, directory } = await list();
  expect({ runs, directory }).toEqual({ runs: [], directory: join(bench.registry.root, stateDirectory) });
  expect(readdirSync(bench.registry.root)).not.toContain(stateDirectory);
});

/** Files below the root, without the program's own, that were there and are not any more. */
function removedFiles(before: Snapshot): string[] {
  return diff(before, snapshot(bench.registry.root))
    .filter(({ path, change }) => change === 'removed' && before.get(path)?.type === 'file')
    .map(({ path }) => path);
}

/** The items with this outcome are those files: of an upload and a repository, all in it. */
function expectFiles(items: readonly RunItem[], outcome: RunItem['outcome'], files: readonly string[]): void {
  const keys = items.filter((item) => item.outcome === outcome).map(({ key }) => key ?? 'none');
  const isIn = (file: string) => (key: string) => key === file || (key.endsWith('/') && file.startsWith(key));
  expect(files.filter((file) => !keys.some(isIn(file)))).toEqual([]);
  expect(keys.filter((key) => !key.endsWith('/') && !files.includes(key))).toEqual([]);
  expect(new Set(keys).size).toBe(keys.length);
}

/** A run that is killed while its collector waits; `meanwhile` before that. */
async function killAt(
  gate: ReturnType<typeof gateIn>,
  place: Nest,
  meanwhile: () => Promise<void>,
  live = liveCommands(bench.registry),
): Promise<void> {
  const binary = beforeCollecting(bench.registry, gate.script);
  const more = { uploads: { keepWithin: '0s' } };
  let kill = () => {};
  const run = program(['run', '--config', configFor(bench.registry, { binary, more, live })], {
    env: { TMPDIR: place.path },
    onSpawn: (child) => {
      kill = () => void child.kill('SIGKILL');
    },
  });
  await gate.reached(run);
  await meanwhile();
  kill();
  expect(await run).toMatchObject({ exitCode: null });
}

function forget(): void {
  rmSync(join(bench.registry.root, stateDirectory), { recursive: true, force: true });
}

async function list(): Promise<RunsDocument> {
  const before = snapshot(bench.registry.root, { ignoreState: false });
  const document = await json<RunsDocument>(['runs'], bench.configFor('preflight'));
  // A run that is under way has a heart that beats.
  const changed = diff(before, snapshot(bench.registry.root, { ignoreState: false }));
  expect(changed.filter(({ path }) => !/^(?:\.registry-cleanup(?:\/lock)?)?$/.test(path))).toEqual([]);
  return document;
}

function show(id: string): Promise<RunShownDocument> {
  return json<RunShownDocument>(['runs', 'show', id], bench.configFor('preflight'));
}

async function json<T>(args: readonly string[], config: string, options: ProgramOptions = {}): Promise<T> {
  const { stdout, stderr, exitCode } = await program([...args, '--json', '--config', config], options);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}
