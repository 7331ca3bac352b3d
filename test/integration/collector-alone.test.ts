import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { drive, type Inhabitant, type Nest, nest } from '../support/drive.ts';
import { type Gate, gateIn } from '../support/gate.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { get, plantBlobs, post } from '../support/process-runtime.ts';
import { configFor, report } from '../support/program.ts';
import { liveCommands, startRegistry, type TestRegistry } from '../support/registry.ts';
import { count, stateDirectory } from '../support/tree.ts';
import { superseded } from '../support/untouched.ts';
import { beforeCollecting, wrapBinary } from '../support/wrapper.ts';

/*
 * A collector beside a live registry loses images. Ours is ended before the live registry is started, whatever becomes
 * of us. If we are killed, the kernel kills it with us (`setpriv --pdeathsig`). That holds for our direct child alone:
 * behind a wrapper that forks instead of `exec`, the collector may go on until its next line of output, which nobody
 * reads any more, and the next run ends it before anything else.
 */

describe('when the program is killed', () => {
  it('while the collector rehearses, the kernel ends that, and the next run recovers', async () => {
    await using bench = await open((registry, wait) =>
      wrapBinary(registry, `case "$*" in *--dry-run*) ${wait} ;; esac`),
    );
    await kill(bench);
    await expectDeadAndPullsGoOn(bench);
    await expectNextRunRecovers(bench);
  });

  it('while it collects, the kernel ends that, and the next run recovers', async () => {
    await using bench = await open(beforeCollecting);
    await kill(bench);
    await expectDeadAndPullsGoOn(bench);
    await expectNextRunRecovers(bench);
  });

  it('in the middle of a sweep, the next run sweeps the rest', async () => {
    await using bench = await open((registry) => registry.binary);
    plantBlobs(bench.registry.root, 3_000);
    const sends = [{ step: 'collect', at: 'middle', signal: 'SIGKILL' }] as const;
    const driven = await drive({ configFile: bench.config, sends }, bench.place);
    expect(driven).toMatchObject({ signal: 'SIGKILL', report: undefined });
    await eventually(() => expect(collectors(bench)).toEqual([]));
    await expectNextRunRecovers(bench);
  });

  it('a collector that a wrapper forked is ended by the next run, before the registry is started', async () => {
    const stubborn = (wait: string) =>
      `if mkdir "$original.once"; then (trap '' TERM; ${wait}; exec "$real" "$@"); exit $?; fi`;
    await using bench = await open((registry, wait) => beforeCollecting(registry, stubborn(wait)));
    await kill(bench);
    // The wrapper goes with the program that started it, and what it forked stays.
    await eventually(() => expect(collectors(bench)).toHaveLength(1));
    await sleep(300);
    expect(collectors(bench)).toHaveLength(1);
    await expectNextRunRecovers(bench);
  });

  it('a collector that a wrapper forked ends by itself, having lost nothing', async () => {
    const forking = (wait: string) => `(${wait}; exec "$real" "$@"); exit $?`;
    await using bench = await open((registry, wait) => beforeCollecting(registry, forking(wait)));
    await kill(bench);
    bench.collecting.open();
    await eventually(() => expect(collectors(bench)).toEqual([]));
    assertNothingLost(bench.before, closure(bench.registry.root));
    await expectNextRunRecovers(bench);
  });
});

describe('when the run goes on without it', () => {
  it('a cancelled run kills a collector that does not heed SIGTERM, and only then starts the registry', async () => {
    await using bench = await open((registry, wait) => beforeCollecting(registry, `trap '' TERM; ${wait}`));
    const { running, child } = start(bench);
    await bench.collecting.reached(running);
    child.kill('SIGTERM');
    expect(await running).toMatchObject({ exitCode: 143, report: { outcome: 'interrupted' } });
    await expectBackAndNothingSwept(bench);
  });

  it('a run whose fence breaks meanwhile ends the collector, and tells who broke it', async () => {
    await using bench = await open(beforeCollecting);
    const { running } = start(bench);
    await bench.collecting.reached(running);
    await using intruder = await startRegistry({ root: bench.registry.root });
    const { exitCode, report: document } = await running;
    // It serves on, and may have in its memory what the collector was about to sweep: that must be heard before all.
    expect(document).toMatchObject({ outcome: 'not-restored', error: { code: 'NOT_FRESH' } });
    expect(document.error?.details).toEqual([expect.stringContaining(`pid ${intruder.pid}`)]);
    expect(document.warnings.join('\n')).toMatch(/could not be closed to pushes: .*works on/);
    expect(exitCode).toBe(20);
    await expectBackAndNothingSwept(bench);
  });

  it('a run whose rehearsal fails starts no collector', async () => {
    const script = `case "$*" in *--dry-run*) exit 3 ;; garbage-collect*) : >"$original.collected" ;; esac`;
    await using bench = await open((registry) => wrapBinary(registry, script));
    const { exitCode, report: document } = await start(bench).running;
    expect({ exitCode, code: document.error?.code }).toEqual({ exitCode: 1, code: 'COLLECTOR_FAILED' });
    expect(existsSync(`${bench.registry.configFile}.collected`)).toBe(false);
    await expectBackAndNothingSwept(bench);
  });
});

interface Bench extends AsyncDisposable {
  readonly registry: TestRegistry;
  /** Where the program's children live. */
  readonly place: Nest;
  readonly config: string;
  readonly collecting: Gate;
  readonly before: ReturnType<typeof closure>;
  readonly blobs: number;
  /** Stand-ins and collectors that there were when the live registry was started: none. */
  besideLive(): string;
}

/** A registry with something to collect. `binary` makes the one that collects, given what waits for `collecting`. */
async function open(binary: (registry: TestRegistry, wait: string) => string): Promise<Bench> {
  const registry = await startRegistry();
  const place = nest();
  await superseded(registry);
  const collecting = gateIn(registry.directory, 'collecting');
  const wanted = join(registry.directory, 'wanted');
  const seen = join(registry.directory, 'seen');
  writeFileSync(wanted, `${place.path}/`);
  writeFileSync(seen, '');
  // The arguments of the look itself do not hold what it looks for.
  const look = `grep -laFf "$1" /proc/[0-9]*/cmdline >>"$2" 2>/dev/null; exec "$3" start`;
  const { start, stop } = liveCommands(registry);
  const live = { start: ['/bin/sh', '-c', look, 'look', wanted, seen, ...start.slice(0, 1)], stop };
  return {
    registry,
    place,
    collecting,
    config: configFor(registry, { binary: binary(registry, collecting.script), live }),
    before: closure(registry.root),
    blobs: count(registry.root).blobs,
    besideLive: () => readFileSync(seen, 'utf8'),
    async [Symbol.asyncDispose]() {
      collecting.open();
      await registry[Symbol.asyncDispose]();
      place[Symbol.dispose]();
    },
  };
}

function start({ config, place }: Bench) {
  let child: ChildProcess | undefined;
  const running = report('run', config, [], {
    env: { TMPDIR: place.path },
    onSpawn: (spawned) => {
      child = spawned;
    },
  });
  if (child === undefined) throw new Error('nothing was started');
  return { child, running };
}

/** Kills the program while its collector stands at the gate. */
async function kill(bench: Bench): Promise<void> {
  const { child, running } = start(bench);
  const ended = running.catch(() => 'killed'); // it prints no document any more
  await bench.collecting.reached(ended);
  child.kill('SIGKILL');
  expect(await ended).toBe('killed');
}

async function expectDeadAndPullsGoOn(bench: Bench): Promise<void> {
  const { registry, collecting, blobs } = bench;
  await eventually(() => expect(collectors(bench)).toEqual([]));
  collecting.open();
  expect(await get(registry.url)).toBe(200);
  expect(await post(registry.url)).toBe(405);
  await sleep(200);
  expect(count(registry.root).blobs).toBe(blobs);
}

/** Takes over the dead run's lock, ends what that left, starts the live registry, and does what that one wanted to do. */
async function expectNextRunRecovers(bench: Bench): Promise<void> {
  const state = join(bench.registry.root, stateDirectory);
  expect(readdirSync(state)).toEqual(expect.arrayContaining(['journal.ndjson', 'lock']));
  const { report: document, stderr } = await start(bench).running;
  expect(document, stderr).toMatchObject({ outcome: 'ok', exitCode: 0, error: null });
  expect(document.warnings.join('\n')).toMatch(/earlier run .*undone/);
  expect(unreachable(bench.registry.root)).toEqual({
    revisions: [],
    layerLinks: [],
    tagHistory: [],
    blobs: [],
  });
  await expectBack(bench);
}

async function expectBackAndNothingSwept(bench: Bench): Promise<void> {
  await expectBack(bench);
  expect(count(bench.registry.root).blobs).toBe(bench.blobs);
}

async function expectBack({ registry, place, before, besideLive }: Bench): Promise<void> {
  assertNothingLost(before, closure(registry.root));
  expect(besideLive()).toBe('');
  expect(place.inhabitants()).toEqual([]);
  expect(place.left()).toEqual([]);
  expect(readdirSync(join(registry.root, stateDirectory)).sort()).toEqual(['reserve', 'runs']);
  expect(await post(registry.url)).toBe(202);
}

function collectors({ place }: Bench): readonly Inhabitant[] {
  return place.inhabitants().filter(({ argv }) => argv.includes('garbage-collect'));
}

async function eventually(check: () => void): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(20)) {
    try {
      check();
      return;
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AssertionError')) throw error;
    }
  }
  check();
}
