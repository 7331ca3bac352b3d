import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { StepId } from '../../src/pipeline/steps.ts';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { get, post } from '../support/process-runtime.ts';
import { servingPids, signal } from '../support/processes.ts';
import { configFor, type Report } from '../support/program.ts';
import { liveCommands, startRegistry, type TestRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { count, stateDirectory } from '../support/tree.ts';
import { blockUntil, isServing, turning } from '../support/turncoat.ts';
import { changesSince, isUnderItsScript, superseded } from '../support/untouched.ts';
import { beforeCollecting } from '../support/wrapper.ts';

/* The fence held when it was proved. It is proved again before anything is removed and before the collector. */

const temporary = freshTmpdir();

/** A run during which something happens, and is over, before the work of `step` begins. */
function whenBegins(config: string, step: StepId, work: () => void, flags = {}): Promise<Report> {
  return runTold(config, {
    flags,
    onEvent(event) {
      if (event.type === 'step-started' && event.id === step) work();
    },
  });
}

/** Before `apply` nothing is removed; before `collect` no blob. */
const moments = ['apply', 'collect'] as const;

async function expectStopped(
  registry: TestRegistry,
  report: Report,
  step: (typeof moments)[number],
  content: Awaited<ReturnType<typeof superseded>>,
  blobs: number,
): Promise<void> {
  expect(report.error?.code, JSON.stringify(report.error)).toBe('FENCE_FAILED');
  expect(report.exitCode).toBe(5);
  expect(report.steps.find(({ id }) => id === step)?.outcome).toBe('failed');
  if (step === 'apply') expect(changesSince(registry, content)).toEqual([]);
  expect(count(registry.root).blobs).toBe(blobs);
  expect(isUnderItsScript(registry)).toBe(true);
  expect(await post(registry.url)).toBe(202);
}

describe.each(moments)('right before %s', (step) => {
  it('a stand-in that takes pushes by now ends the run with exit 5', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const { blobs } = count(registry.root);
    const turncoat = turning(registry);
    const config = configFor(registry, { binary: turncoat.binary });
    const report = await whenBegins(config, step, turncoat.turn);
    expect(report.error?.message).toContain('accepted an upload');
    await expectStopped(registry, report, step, content, blobs);
  });

  it('a stand-in that has died ends the run with exit 5', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const { blobs } = count(registry.root);
    const report = await whenBegins(configFor(registry), step, () => {
      for (const pid of servingPids(standInConfig())) signal(pid, 'SIGKILL');
      blockUntil(() => servingPids(standInConfig()).length === 0);
    });
    expect(report.error?.message).toContain('stand-in does not serve');
    await expectStopped(registry, report, step, content, blobs);
  });

  it('without a stand-in, a registry that answers where clients ask ends the run with exit 5', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const { blobs } = count(registry.root);
    await using other = await startRegistry();
    await using proxy = await startProxy(registry.url);
    const config = configFor(registry, { registry: { url: proxy.url } });
    const flags = { readonlyInstance: false };
    const report = await whenBegins(config, step, () => proxy.leadTo(other.url), flags);
    expect(report.error?.message).toContain(`still answers at ${proxy.url}`);
    await expectStopped(registry, report, step, content, blobs);
  });

  it('a live registry that somebody has started ends the run with exit 5, and is fresh afterwards', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const { blobs } = count(registry.root);
    let started: number | undefined;
    const start = () => {
      execFileSync(join(registry.directory, 'live'), ['start']);
      blockUntil(() => isServing(registry.pid, registry.port));
      started = registry.pid;
    };
    const flags = { readonlyInstance: false };
    const report = await whenBegins(configFor(registry), step, start, flags);
    expect(report.error?.message).toContain(`(pid ${started})`);
    await expectStopped(registry, report, step, content, blobs);
    // It was started before the references went, for all that anybody knows, where some went.
    if (step === 'collect') expect(registry.pid).not.toBe(started);
    else expect(registry.pid).toBe(started);
  });
});

describe('while blobs are collected', () => {
  it('a live registry that is started ends the collector and the run, and is started afresh', async () => {
    await using bench = await collecting();
    const { registry, running } = bench;
    await registry.start();
    const { pid } = registry;
    expect(await running).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(registry.pid).not.toBe(pid);
    await bench.expectWhole();
  });

  it('one that registry.live does not stop is told with exit 20 and the command that restarts it', async () => {
    await using bench = await collecting();
    const { registry, running } = bench;
    const { binary, configFile, environment } = registry;
    const child = spawn(binary, ['serve', configFile], { detached: true, stdio: 'ignore', env: environment });
    await once(child, 'spawn');
    const report = await running;
    expect(report).toMatchObject({
      exitCode: 20,
      error: { code: 'NOT_FRESH', details: [expect.stringContaining(`(pid ${child.pid})`)] },
    });
    expect(report.warnings.join('\n')).toContain(`(pid ${child.pid})`);
    const command = report.error?.hint.trimEnd().split('\n').at(-1)?.trim() ?? '';
    await promisify(execFile)('/bin/sh', ['-c', command], { timeout: 20_000 });
    while ((await get(registry.url)) === undefined) await sleep(10);
    expect(registry.pid).not.toBe(child.pid);
    // It is told once: nothing is left open.
    expect(readdirSync(join(registry.root, stateDirectory))).not.toContain('journal.ndjson');
    expect(await runTold(configFor(registry))).toMatchObject({ outcome: 'ok', exitCode: 0 });
    await bench.expectWhole();
  });
});

it('lock and journal are kept until the live registry has been started', async () => {
  await using registry = await startRegistry();
  await superseded(registry);
  const seen = join(registry.directory, 'seen');
  const { start, stop } = liveCommands(registry);
  const look = `ls '${join(registry.root, stateDirectory)}' >'${seen}'; exec "$@"`;
  const live = { start: ['/bin/sh', '-c', look, 'look', ...start], stop };
  expect(await runTold(configFor(registry, { live }))).toMatchObject({ outcome: 'ok', exitCode: 0 });
  expect(readFileSync(seen, 'utf8').split('\n')).toEqual(expect.arrayContaining(['journal.ndjson', 'lock']));
  const left = readdirSync(join(registry.root, stateDirectory));
  expect(left.filter((name) => name === 'lock' || name === 'journal.ndjson')).toEqual([]);
});

/** A run without a stand-in, whose collector waits. */
async function collecting() {
  const registry = await startRegistry();
  await superseded(registry);
  const before = closure(registry.root);
  const gate = gateIn(registry.directory, 'collect');
  const config = configFor(registry, { binary: beforeCollecting(registry, gate.script) });
  const running = runTold(config, { flags: { readonlyInstance: false } });
  await gate.reached(running);
  return {
    registry,
    running,
    async expectWhole() {
      assertNothingLost(before, closure(registry.root));
      expect(isUnderItsScript(registry)).toBe(true);
      expect(await post(registry.url)).toBe(202);
    },
    async [Symbol.asyncDispose]() {
      gate.open();
      await running[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

function standInConfig(): string {
  const name = readdirSync(temporary.path).find((name) => /^registry-cleanup-.*-serve-/.test(name));
  if (name === undefined) throw new Error('there is no stand-in');
  return join(temporary.path, name, 'config.yml');
}

/** What clients ask: it hands on what it is asked, to another registry from some moment on. */
async function startProxy(first: string) {
  let target = first;
  const server = createServer(async (request, response) => {
    try {
      const passed = await fetch(new URL(request.url ?? '/', target), { method: request.method });
      const body = Buffer.from(await passed.arrayBuffer());
      response.writeHead(passed.status, Object.fromEntries(passed.headers)).end(body);
    } catch {
      response.writeHead(502).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    leadTo(other: string) {
      target = other;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
