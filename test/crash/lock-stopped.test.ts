import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { compiled } from '../support/compiled.ts';
import { nest } from '../support/drive.ts';
import { gateIn } from '../support/gate.ts';
import { digestOf } from '../support/layout.ts';
import { machineOf, programs, stoppedWith } from '../support/machine.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { pidNamespace } from '../support/pid-namespace.ts';
import { post } from '../support/process-runtime.ts';
import { configFor, type Ended, type Report, report } from '../support/program.ts';
import { bytesOf, noise, pushImage, startUpload } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { diff, snapshot, stateDirectory } from '../support/tree.ts';
import { beforeCollecting } from '../support/wrapper.ts';

/*
 * An owner that is stopped for longer than others watch its heartbeat, where they do not see its process. Another run
 * takes over, recovers and cleans; then the first one goes on.
 */

const own = pidNamespace();
const long = process.env.LONG === '1';
const repeats = long ? 10 : 1;

type Run = Promise<Ended & { readonly report: Report }>;

interface Scene {
  readonly registry: TestRegistry;
  /** Starts a run on the machine that is going to be stopped; `at`: by itself, where it begins that step. */
  begin(at?: string, script?: string): { readonly config: string; readonly run: Run };
  /** Starts the run that takes over; `script` is what its collector does first. */
  takeOver(script?: string): { readonly config: string; readonly run: Run };
  /**
   * Lets the first one go on, and expects that it ends without having touched anything; but for one file of each of so
   * many threads, which may have had leave for it in the very moment that it was stopped.
   */
  goesOn(pid: number, first: Run, threads?: number): Promise<void>;
}

describe.runIf(own !== undefined).concurrent(
  'a run that was stopped, and whose lock another run has taken over',
  {
    timeout: 300_000,
  },
  () => {
    it.each(
      many(
        long ? ['inventory', 'stop', 'apply', 'rehearse', 'collect', 'tidy', 'restore'] : ['collect', 'tidy'],
      ),
    )(
      'deletes nothing when it goes on at the start of %s, and leaves the live registry alone',
      async (step) => {
        await onStage(async ({ begin, takeOver, goesOn, registry }) => {
          const { run: first, config } = begin(step);
          const pid = await stoppedWith(config, first);
          expect((await takeOver().run).report).toMatchObject({ exitCode: 0, error: null });
          await putBack(registry);
          await goesOn(pid, first);
        });
      },
    );

    // Where the registry runs again the fence would tell as well; where it never runs, and no stand-in that is gone tells, the lock alone does.
    it.each(
      many([
        ['running', 'one after another', oneByOne, 0],
        ['stopped', 'one after another', oneByOne, 0],
        ['stopped', 'with several threads', byThreads, Math.max(availableParallelism(), 2)],
      ] as const),
    )(
      'deletes nothing more in the middle (of a registry that was %s, %s)',
      async (was, _how, count, threads) => {
        await onStage(async ({ begin, takeOver, goesOn, registry }) => {
          await plantDeadLinks(registry, count);
          const { run: first, config } = begin();
          const layers = join(registry.root, v2, 'repositories/team/app/_layers/sha256');
          const all = readdirSync(layers);
          // Directories go after all files of a batch: by then it is too late.
          const left = () => all.filter((name) => existsSync(join(layers, name, 'link'))).length;
          while (left() > all.length - 20) await sleep(1);
          const [pid = 0] = programs(config);
          process.kill(pid, 'SIGSTOP');
          await stoppedWith(config, first);
          expect(left()).toBeGreaterThan(100);
          expect((await takeOver().run).report).toMatchObject({ exitCode: 0, error: null });
          await plantDeadLinks(registry, count);
          if (was === 'running') await putBack(registry);
          await goesOn(pid, first, threads);
        }, was);
      },
    );

    it.each(many(['while its collector runs']))(
      'ends as one that has lost its lock when it goes on %s, which the other run has ended',
      async () => {
        await onStage(async ({ begin, takeOver, goesOn, registry }) => {
          using collecting = gateIn(registry.directory, 'first');
          const { run: first, config } = begin(undefined, collecting.script);
          await collecting.reached(first);
          const [pid = 0] = programs(config);
          process.kill(pid, 'SIGSTOP');
          await stoppedWith(config, first);
          expect((await takeOver().run).report).toMatchObject({ exitCode: 0, error: null });
          await putBack(registry);
          await goesOn(pid, first);
        });
      },
    );

    it.each(many(['collect']))(
      'leaves the other one, its children, its lock and its journal alone when it goes on beside it (%s)',
      async (step) => {
        await onStage(async ({ begin, takeOver, goesOn, registry }) => {
          using collecting = gateIn(registry.directory, 'second');
          const { run: first, config } = begin(step);
          const pid = await stoppedWith(config, first);
          const second = takeOver(collecting.script);
          await collecting.reached(second.run);
          const state = join(registry.root, stateDirectory);
          const lock = () => (JSON.parse(readFileSync(join(state, 'lock'), 'utf8')) as { run: string }).run;
          const journal = () => readFileSync(join(state, 'journal.ndjson'), 'utf8');
          const before = { lock: lock(), journal: journal() };
          await goesOn(pid, first);
          expect({ lock: lock(), journal: journal() }).toEqual(before);
          collecting.open();
          expect((await second.run).report).toMatchObject({ exitCode: 0, outcome: 'ok', error: null });
          expect(await post(registry.url)).toBe(202);
        });
      },
    );
  },
);

const v2 = 'docker/registry/v2';
/** Deletions enough to be met in the middle, and too few for threads; or enough for these. */
const oneByOne = 1_900;
const byThreads = 12_000;

/** What there was before the first run: all that it wanted to delete is there again, and needed perhaps. */
async function putBack(registry: TestRegistry): Promise<void> {
  execFileSync('cp', ['-a', join(registry.directory, 'original/docker'), registry.root]);
  await pushAll(registry.pushUrl);
  await pushImage(registry.pushUrl, 'team/app', 'again', { seed: 'one' });
}

async function pushAll(url: string): Promise<void> {
  for (const seed of ['one', 'two', 'three']) await pushImage(url, 'team/app', 'latest', { seed });
  await pushImage(url, 'other', 'v1', { seed: 'four' });
  await startUpload(url, 'other', noise('an upload that nobody goes on with'));
}

async function plantDeadLinks(registry: TestRegistry, count: number): Promise<void> {
  const layers = join(registry.root, v2, 'repositories/team/app/_layers/sha256');
  for (let i = 0; i < count; i++) {
    const digest = digestOf(bytesOf(`dead ${i}`));
    const directory = join(layers, digest.slice('sha256:'.length));
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'link'), digest);
    // Others watch meanwhile, and must not miss what they wait for.
    if (i % 20 === 0) await sleep(0);
  }
}

async function onStage(
  play: (scene: Scene) => Promise<void>,
  was: 'running' | 'stopped' = 'running',
): Promise<void> {
  await using registry = await startRegistry();
  await pushAll(registry.pushUrl);
  execFileSync('cp', ['-a', registry.root, join(registry.directory, 'original')]);
  const closures = closure(registry.root);
  await registry.stop();
  using place = nest();
  const machine = machineOf(registry, own ?? []);
  const env = { TMPDIR: place.path, NODE_COMPILE_CACHE: compiled };
  const state = join(registry.root, stateDirectory);
  const start = (script: string, options: Parameters<typeof report>[3]): ReturnType<Scene['takeOver']> => {
    const config = configFor(registry, {
      binary: beforeCollecting(registry, script),
      live: was === 'running' ? machine.live : 'stopped',
      registry: { drain: { timeout: '0s' } },
      more: { uploads: { keepWithin: '0s' }, readonlyInstance: was === 'running' },
    });
    return { config, run: report('run', config, [], options) };
  };
  await play({
    registry,
    begin: (at = '', script = ':') =>
      start(script, {
        under: was === 'running' ? machine.under : own,
        env: {
          ...env,
          STOP_AT: at,
          NODE_OPTIONS: `--import ${resolve(import.meta.dirname, '../support/stop-driver.ts')}`,
        },
      }),
    takeOver: (script = ':') => start(script, { env }),
    async goesOn(pid, first, threads = 0) {
      const look = () => ({
        tree: snapshot(registry.root),
        calls: machine.calls(),
        live: registry.pid,
        children: place.inhabitants().filter((one) => one.pid !== pid),
      });
      const before = look();
      process.kill(pid, 'SIGCONT');
      const { report, exitCode } = await first;
      expect({ exitCode, code: report.error?.code }).toEqual({ exitCode: 5, code: 'LOCK_LOST' });
      const after = look();
      const differences = diff(before.tree, after.tree);
      // Of a file that goes its directory is another one.
      if (differences.length > 2 * threads) expect(differences).toEqual([]);
      expect({ ...after, tree: 0 }).toEqual({ ...before, tree: 0 });
    },
  });
  expect(readdirSync(state)).not.toContain('lock');
  expect(readdirSync(state)).not.toContain('journal.ndjson');
  expect(place.inhabitants()).toEqual([]);
  if (was === 'stopped') await registry.start();
  expect(await post(registry.url)).toBe(202);
  assertNothingLost(closures, closure(registry.root));
}

function many<T>(points: readonly T[]): readonly T[] {
  return Array.from({ length: repeats }, () => points).flat();
}
