import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdUpload } from '../support/http.ts';
import { get, inspected, newRun, ownTmpdir, post, quiet, runtimeFor } from '../support/process-runtime.ts';
import { gone, servingPids, signal } from '../support/processes.ts';
import { bytesOf } from '../support/push.ts';
import { liveCommands, startRegistry, type TestRegistry } from '../support/registry.ts';

let temporary: ReturnType<typeof ownTmpdir>;
beforeEach(() => {
  temporary = ownTmpdir();
});
afterEach(() => temporary[Symbol.asyncDispose]());

test('waits for a registry that closed its port but still finishes an upload', async () => {
  await using registry = await startRegistry({ drainTimeout: '20s' });
  const upload = await holdUpload(registry.pushUrl, 'app', bytesOf('first half'));
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const fence = runtime.fence(state, { standIn: true, runId: newRun() });
  let stopped = false;
  const stopping = fence.stop.do(quiet).then(() => {
    stopped = true;
  });
  while ((await get(registry.url)) !== undefined) await sleep(10);
  await sleep(500);
  expect(stopped).toBe(false);
  expect(registry.pid).toBeDefined();
  expect(await upload.finish()).toBe(202);
  await stopping;
  expect(registry.pid).toBeUndefined();
  await fence.stop.undo();
  expect(await get(registry.url)).toBe(200);
});

test('fails, naming the process, when the registry drains for longer than it may, and starts it again', async () => {
  await using registry = await startRegistry({ drainTimeout: '60s' });
  const upload = await holdUpload(registry.pushUrl, 'app', bytesOf('first half'));
  const draining = registry.pid;
  const runtime = runtimeFor(registry, { stopTimeoutMs: 1_000 });
  const state = await inspected(runtime);
  expect(state.warnings.join()).toContain('http.draintimeout');
  const fence = runtime.fence(state, { standIn: true, runId: newRun() });
  await expect(fence.stop.do(quiet)).rejects.toMatchObject({
    code: 'FENCE_FAILED',
    exitCode: 5,
    message: expect.stringContaining(`(pid ${draining}) still runs`),
  });
  expect(await get(registry.url)).toBeUndefined();
  // It is somebody else's process: it is never killed, and the init script starts no second one beside it.
  expect(servingPids(registry.configFile)).toEqual([draining]);
  setTimeout(() => void upload.finish(), 500);
  await fence.stop.undo();
  expect(await get(registry.url)).toBe(200);
  expect(servingPids(registry.configFile)).not.toContain(draining);
});

test('an interruption while the registry drains leaves a registry that answers', async () => {
  await using registry = await startRegistry({ drainTimeout: '60s' });
  const upload = await holdUpload(registry.pushUrl, 'app', bytesOf('first half'));
  const runtime = runtimeFor(registry);
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  const interruption = new AbortController();
  const stopping = fence.stop.do(interruption.signal);
  setTimeout(() => interruption.abort(new Error('Ctrl-C')), 300);
  await expect(stopping).rejects.toThrow('Ctrl-C');
  setTimeout(() => void upload.finish(), 500);
  await fence.stop.undo();
  expect(await get(registry.url)).toBe(200);
});

test('an interruption at the very moment of stopping leaves a registry that answers and goes on to', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry, { live: slowStop(registry) });
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  const interruption = new AbortController();
  const stopping = fence.stop.do(interruption.signal);
  setTimeout(() => interruption.abort(new Error('Ctrl-C')), 50);
  await expect(stopping).rejects.toThrow('Ctrl-C');
  // The stop command has not yet done anything: whoever looks now sees a registry that answers.
  expect(await get(registry.url)).toBe(200);
  await fence.stop.undo();
  await sleep(1_000);
  expect(await get(registry.url)).toBe(200);
});

test('fails when the stop command does nothing', async () => {
  await using registry = await startRegistry();
  const live = { start: liveCommands(registry).start, stop: ['false'] };
  const runtime = runtimeFor(registry, { live });
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  await expect(fence.stop.do(quiet)).rejects.toMatchObject({
    code: 'FENCE_FAILED',
    message: expect.stringContaining('"false" exited with 1'),
  });
  await fence.stop.undo();
  expect(await get(registry.url)).toBe(200);
});

// Where a stand-in takes the address, a supervised registry lives only until it finds that taken.
test.each([
  { standIn: true, pause: 0 },
  { standIn: false, pause: 0.1 },
])('notices a supervisor that restarts the registry behind our back (%j)', async ({ standIn, pause }) => {
  await using registry = await startRegistry({ start: false });
  const supervisor = supervise(registry, pause);
  try {
    while ((await get(registry.url)) === undefined) await sleep(10);
    const stop = ['sh', '-c', `kill $(cat '${registry.directory}/supervised')`];
    const runtime = runtimeFor(registry, { live: { start: ['true'], stop } });
    const fence = runtime.fence(await inspected(runtime), { standIn, runId: newRun() });
    const closing = fence.stop
      .do(quiet)
      .then(() => fence.readonly?.do(quiet))
      .then(() => fence.settle());
    await expect(closing).rejects.toMatchObject({ code: 'FENCE_FAILED', exitCode: 5 });
    await fence.readonly?.undo();
    await fence.stop.undo();
    expect(await post(registry.url)).toBe(202);
  } finally {
    signal(-(supervisor.pid ?? 0), 'SIGKILL');
    await once(supervisor, 'exit');
    for (const pid of servingPids(registry.configFile)) signal(pid, 'SIGKILL');
    await gone(registry.configFile);
  }
});

test('is breached when the live registry is started again, or another one over the same data', async () => {
  await using registry = await startRegistry();
  await using other = await startRegistry({ start: false, root: registry.root });
  const runtime = runtimeFor(registry);
  const fence = runtime.fence(await inspected(runtime), { standIn: false, runId: newRun() });
  await fence.stop.do(quiet);
  expect(await fence.breach()).toBeUndefined();
  await registry.start();
  expect(await fence.breach()).toContain(`(pid ${registry.pid}) listens on port ${registry.port}`);
  await registry.stop();
  expect(await fence.breach()).toBeUndefined();
  await other.start();
  expect(await fence.breach()).toContain(`(pid ${other.pid}) works on ${registry.root}`);
  await other.stop();
  await fence.stop.undo();
});

test('is breached when the stand-in ends', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry);
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  await fence.stop.do(quiet);
  await fence.readonly?.do(quiet);
  const config = join(String(fence.readonly?.memo.directory), 'config.yml');
  for (const pid of servingPids(config)) signal(pid, 'SIGKILL');
  await gone(config);
  expect(await fence.breach()).toContain('stand-in does not serve');
  await fence.readonly?.undo();
  await fence.stop.undo();
  expect(await post(registry.url)).toBe(202);
});

test('the stand-in fails, and says so, when somebody took its port', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry);
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  await fence.stop.do(quiet);
  const squatter = createServer().listen(registry.port, '127.0.0.1');
  await once(squatter, 'listening');
  await expect(fence.readonly?.do(quiet)).rejects.toMatchObject({
    code: 'FENCE_FAILED',
    message: expect.stringContaining(`(pid ${process.pid}) listens on port ${registry.port}`),
  });
  squatter.close();
  await once(squatter, 'close');
  await fence.readonly?.undo();
  await fence.stop.undo();
  expect(await get(registry.url)).toBe(200);
});

test('the stand-in fails with the last lines of its log when it cannot start', async () => {
  await using registry = await startRegistry({
    start: false,
    config: { http: { tls: { certificate: '/no', key: '/no' } } },
  });
  const runtime = runtimeFor(registry);
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  await expect(fence.readonly?.do(quiet)).rejects.toMatchObject({
    code: 'COMMAND_FAILED',
    message: expect.stringContaining('exited with 1'),
    details: expect.arrayContaining([expect.stringContaining('open /no')]),
  });
  await fence.readonly?.undo();
});

test('says with which command to start the registry by hand when it does not come back', async () => {
  await using registry = await startRegistry();
  const live = {
    start: ['/bin/sh', '-c', 'echo "no more ports" >&2; exit 3'],
    stop: liveCommands(registry).stop,
  };
  const runtime = runtimeFor(registry, { live, startTimeoutMs: 1_000 });
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  await fence.stop.do(quiet);
  const command = `/bin/sh -c 'echo "no more ports" >&2; exit 3'`;
  expect(fence.byHand).toBe(command);
  await expect(fence.stop.undo()).rejects.toMatchObject({
    code: 'NOT_RESTORED',
    exitCode: 20,
    hint: expect.stringContaining(command),
    details: [expect.stringContaining('exited with 3'), 'no more ports'],
  });
  expect(temporary.left().filter((name) => name.startsWith('registry-cleanup-live'))).toEqual([]);
});

test('a start command that is the registry itself keeps running, with its log in one private file', async () => {
  await using registry = await startRegistry({ start: false });
  const live = {
    start: [registry.binary, 'serve', registry.configFile],
    stop: ['sh', '-c', 'kill "$(cat pid)"'],
  };
  await registry.start();
  const stop = ['sh', '-c', `kill ${registry.pid}`];
  const runtime = runtimeFor(registry, { live: { ...live, stop } });
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  await fence.stop.do(quiet);
  await fence.stop.undo();
  expect(await get(registry.url)).toBe(200);
  const [directory] = temporary.left().filter((name) => name.startsWith('registry-cleanup-live'));
  expect(directory).toBeDefined();
  expect(existsSync(join(temporary.path, directory ?? ''))).toBe(true);
});

test('a unit is stopped and started through systemctl', async () => {
  await using registry = await startRegistry();
  const bin = join(temporary.path, 'bin');
  writeSystemctl(bin, registry);
  const env = { PATH: `${bin}:${process.env.PATH}`, HOME: process.env.HOME };
  const runtime = runtimeFor(registry, { live: { unit: 'docker-registry' }, env });
  const state = await inspected(runtime);
  expect(state.live).toBe('running');
  const fence = runtime.fence(state, { standIn: true, runId: newRun() });
  expect(fence.byHand).toBe('systemctl start docker-registry');
  await fence.stop.do(quiet);
  expect(registry.pid).toBeUndefined();
  await fence.readonly?.do(quiet);
  expect(await post(registry.url)).toBe(405);
  await fence.readonly?.undo();
  await fence.stop.undo();
  expect(await post(registry.url)).toBe(202);

  await registry.stop();
  const stopped = await runtime.inspect(quiet);
  expect(stopped).toMatchObject({ live: 'stopped', refusals: [] });
});

test('a unit that failed so often that systemd starts it no more is started all the same', async () => {
  await using registry = await startRegistry();
  const bin = join(temporary.path, 'bin');
  const tired = join(temporary.path, 'tired');
  writeSystemctl(bin, registry, tired);
  const env = { PATH: `${bin}:${process.env.PATH}`, HOME: process.env.HOME };
  const runtime = runtimeFor(registry, { live: { unit: 'docker-registry' }, env });
  const fence = runtime.fence(await inspected(runtime), { standIn: false, runId: newRun() });
  await fence.stop.do(quiet);
  writeFileSync(tired, '');
  await fence.stop.undo();
  expect(await post(registry.url)).toBe(202);
});

/** A stop command that thinks for a while before it acts. */
function slowStop(registry: TestRegistry) {
  const { start, stop } = liveCommands(registry);
  return { start, stop: ['sh', '-c', `sleep 0.5; '${stop.join("' '")}'`] };
}

/** Starts the registry again a moment after it ends, as a service manager that nobody told. */
function supervise(registry: TestRegistry, pause: number) {
  const script = `while :; do "$1" serve "$2" & echo "$!" >"$3"; wait; sleep ${pause}; done`;
  const child = spawn(
    'sh',
    ['-c', script, 'supervisor', registry.binary, registry.configFile, `${registry.directory}/supervised`],
    {
      detached: true,
      stdio: 'ignore',
      env: registry.environment,
    },
  );
  return child;
}

/** What systemd would do, done by the registry's init script. As long as there is a file `tired`, it starts nothing. */
function writeSystemctl(bin: string, registry: TestRegistry, tired = ''): void {
  const live = liveCommands(registry).start[0];
  cpSync('/bin/true', join(bin, 'unused'), { recursive: true });
  const path = join(bin, 'systemctl');
  writeFileSync(
    path,
    `#!/bin/sh
[ "$2" = docker-registry ] || exit 5
case "$1" in
  reset-failed) [ ! -e '${tired}' ] || rm '${tired}' ;;
  start|stop)
    [ ! -e '${tired}' ] || { echo 'start request repeated too quickly' >&2; exit 1; }
    exec '${live}' "$1" ;;
  is-active)
    if grep -aqF '${registry.configFile}' "/proc/$(cat '${registry.directory}/pid')/cmdline" 2>/dev/null; then
      echo active
    else
      echo inactive
      exit 3
    fi ;;
  *) exit 1 ;;
esac
`,
  );
  chmodSync(path, 0o755);
}
