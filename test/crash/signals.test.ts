import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { problem } from '../../src/errors.ts';
import type { Event } from '../../src/pipeline/events.ts';
import { type Bench, openBench, pathsBelow } from '../support/bench.ts';
import { drive, type Nest, nest, type Sent } from '../support/drive.ts';
import { type Gate, gateIn } from '../support/gate.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { get } from '../support/process-runtime.ts';
import { configFor } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { type LiveCommands, liveCommands } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { diff, snapshot, stateDirectory } from '../support/tree.ts';
import { isUnderItsScript } from '../support/untouched.ts';
import { beforeCollecting } from '../support/wrapper.ts';

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 } as const;
type Signal = keyof typeof exitCodes;

const benches: Promise<Bench>[] = [openBench()];
const free = [...benches];
const waiting: (() => void)[] = [];
afterAll(async () => {
  for (const bench of benches) await (await bench)[Symbol.asyncDispose]();
});

describe.concurrent('the registry is back, whole, and nothing of the run is left', () => {
  it('after a lost terminal', async () => {
    await onBench((bench) =>
      interrupt(bench, 'SIGHUP', [{ step: 'collect', at: 'middle', signal: 'SIGHUP' }]),
    );
  });

  it.each([
    ['a dry run', 'plan', { dryRun: true }],
    ['a run that finds nothing to do', 'restore', {}],
  ] as const)('after an interruption that %s meets at its very end (%s)', async (_what, last, flags) => {
    await onBench(async ({ registry, configFor, reset }) => {
      reset();
      if (last === 'restore') await runHere(configFor(last));
      const before = snapshot(registry.root);
      const { pid } = registry;
      const interruption = new AbortController();
      const reason = problem('INTERRUPTED', { signal: 'SIGTERM' });
      const onEvent = (event: Event) => {
        if (event.type === 'step-ended' && event.id === last) interruption.abort(reason);
      };
      const document = await runHere(configFor(last), { flags, onEvent, signal: interruption.signal });
      expect(document).toMatchObject({ outcome: 'interrupted', exitCode: 143 });
      expect(diff(before, snapshot(registry.root))).toEqual([]);
      expect(registry.pid).toBe(pid);
    });
  });

  it('after more signals while it is brought back: the first one counts', async () => {
    await onBench((bench) =>
      interrupt(bench, 'SIGINT', [
        { step: 'collect', at: 'middle', signal: 'SIGINT' },
        { step: 'restore', at: 'start', signal: 'SIGTERM' },
        { step: 'restore', at: 'middle', signal: 'SIGHUP' },
        { step: 'restore', at: 'middle', signal: 'SIGINT' },
      ]),
    );
  });

  it('after a Ctrl-C that the whole process group gets', async () => {
    await onBench(async (bench) => {
      bench.reset();
      using place = nest();
      using collecting = gateIn(mkdtempSync(join(bench.registry.directory, 'gate-')), 'collect');
      const command = commandLine(bench, collecting);
      const program = start(['setsid', ...command, '--json'], place);
      await collecting.reached(program.ended);
      process.kill(-program.pid, 'SIGINT');

      const { exitCode, output } = await program.ended;
      expect(exitCode).toBe(130);
      expect(JSON.parse(output)).toMatchObject({ outcome: 'interrupted', error: { code: 'INTERRUPTED' } });
      await expectRestored(bench, place);
      await expectConverging(bench);
    });
  });

  it('after Ctrl-C on the keyboard of a terminal, pressed again and again', async () => {
    await onBench(async (bench) => {
      bench.reset();
      using place = nest();
      using collecting = gateIn(mkdtempSync(join(bench.registry.directory, 'gate-')), 'collect');
      // The start command is the registry itself, which must not be met by a Ctrl-C that is meant for us.
      const { directory, binary, configFile } = bench.registry;
      const itself = `echo $$ >'${directory}/pid'; exec '${binary}' serve '${configFile}'`;
      const live = { start: ['/bin/sh', '-c', itself], stop: liveCommands(bench.registry).stop };
      const command = commandLine(bench, collecting, live)
        .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
        .join(' ');
      const program = start(['script', '--quiet', '--return', '--command', command, '/dev/null'], place);
      await collecting.reached(program.ended);
      const pressing = setInterval(() => program.type('\x03'), 100);

      const { exitCode, output } = await program.ended.finally(() => clearInterval(pressing));
      expect(exitCode, output).toBe(130);
      expect(output).toContain('Interrupted by SIGINT');
      expect(output).toContain('please wait');
      // It writes its log there for as long as it runs.
      await expectRestored(bench, place, /^registry-cleanup-live-/);
      await expectConverging(bench);
    });
  });
});

it('a killed run is recovered by the next one, which ends where an undisturbed one does', async () => {
  await onBench(async (bench) => {
    bench.reset();
    using place = nest();
    const sends = [{ step: 'collect', at: 'middle', signal: 'SIGKILL' }] as const;
    const driven = await drive({ configFile: bench.configFor('collect'), sends }, place);
    expect(driven).toMatchObject({ signal: 'SIGKILL', report: undefined });
    assertNothingLost(bench.closures, closure(bench.registry.root));

    await expectConverging(bench);
    await expectRestored(bench, place);
    await pushImage(bench.registry.pushUrl, 'after/it', 'v1');
  });
});

function commandLine({ registry }: Bench, collecting: Gate, live?: LiveCommands): string[] {
  const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script), live });
  return [process.execPath, join(import.meta.dirname, '../../src/cli.ts'), 'run', '--config', config];
}

/** Starts the program with an open standard input. */
function start([file = '', ...args]: readonly string[], { path }: Nest) {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    OTEL_TRACES_EXPORTER: 'none',
    TERM: 'xterm',
    TMPDIR: path,
  };
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stderr.resume();
  child.stdin.on('error', () => {}); // typed after its end
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return {
    pid: child.pid ?? 0,
    type: (keys: string) => child.stdin.write(keys),
    ended: once(child, 'close').then(([exitCode]) => ({ exitCode: exitCode as number | null, output })),
  };
}

async function interrupt(bench: Bench, signal: Signal, sends: readonly Sent[]): Promise<void> {
  const { registry } = bench;
  const step = sends[0]?.step ?? 'preflight';
  bench.reset();
  const before = snapshot(registry.root);
  using place = nest();
  const driven = await drive({ configFile: bench.configFor(step), sends }, place);

  expect(driven).toMatchObject({
    stderr: '',
    exitCode: exitCodes[signal],
    report: { outcome: 'interrupted', exitCode: exitCodes[signal], error: { code: 'INTERRUPTED' } },
  });
  await expectRestored(bench, place);
  const applied = driven.report?.steps.some(({ id }) => id === 'apply');
  if (applied) await expectConverging(bench);
  else expect(diff(before, snapshot(registry.root))).toEqual([]);
  await pushImage(registry.pushUrl, 'after/it', 'v1');
}

/** Nothing is left of the run, the live registry answers, and its tags are whole. */
async function expectRestored({ registry, closures }: Bench, place: Nest, excused?: RegExp): Promise<void> {
  expect(place.inhabitants()).toEqual([]);
  expect(place.left().filter((name) => !excused?.test(name))).toEqual([]);
  const state = join(registry.root, stateDirectory);
  expect(existsSync(state) ? readdirSync(state).sort() : ['reserve', 'runs']).toEqual(['reserve', 'runs']);
  expect(await get(registry.url)).toBe(200);
  expect(isUnderItsScript(registry)).toBe(true);
  assertNothingLost(closures, closure(registry.root));
}

/**
 * The next run ends where an undisturbed one does. Uploads and empty directories are not worth closing the registry
 * for: they go as soon as something else is.
 */
async function expectConverging({ registry, cleaned, configFor }: Bench): Promise<void> {
  const next = await runHere(configFor('preflight'));
  expect(['ok', 'nothing-to-do'], next.error?.message).toContain(next.outcome);
  expect(pathsBelow(registry.root).filter(isWorthIt)).toEqual(cleaned.filter(isWorthIt));
  if (pathsBelow(registry.root).length === cleaned.length) return;
  await pushImage(registry.pushUrl, 'team/app', undefined, { seed: 'untagged' });
  expect(await runHere(configFor('preflight'))).toMatchObject({ outcome: 'ok', error: null });
  expect(pathsBelow(registry.root)).toEqual(cleaned);
}

function isWorthIt(path: string): boolean {
  return /\/(?:link|data)$/.test(path) && !path.includes('/_uploads/');
}

async function onBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  while (free.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  const bench = free.pop() as Promise<Bench>;
  try {
    await work(await bench);
  } finally {
    free.push(bench);
    waiting.shift()?.();
  }
}
