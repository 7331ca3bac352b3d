import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inspected, newRun, ownTmpdir, plantBlobs, quiet, runtimeFor } from '../support/process-runtime.ts';
import { signal } from '../support/processes.ts';
import { startRegistry } from '../support/registry.ts';

let temporary: ReturnType<typeof ownTmpdir>;
beforeEach(() => {
  temporary = ownTmpdir();
});
afterEach(() => temporary[Symbol.asyncDispose]());

test('tells a missing binary and a missing configuration at once, each with its cure', async () => {
  await using registry = await startRegistry({ start: false });
  const runtime = runtimeFor(registry, { binary: '/nonesuch/registry', config: '/nonesuch/config.yml' });
  const { refusals } = await runtime.inspect(quiet);
  expect(refusals).toEqual([
    expect.stringMatching(/^\/nonesuch\/registry: there is no such program\. .*registry\.binary/),
    expect.stringMatching(/^\/nonesuch\/config\.yml: .*cannot be read \(ENOENT.*registry\.config\.$/),
  ]);
});

test('finds no binary on an empty PATH, and says what it looked for', async () => {
  await using registry = await startRegistry({ start: false });
  const runtime = runtimeFor(registry, { binary: undefined, env: { PATH: temporary.path } });
  expect((await runtime.inspect(quiet)).refusals[0]).toMatch(
    /^Neither registry nor docker-registry is on the PATH/,
  );
});

test('refuses a program that is no registry', async () => {
  await using registry = await startRegistry({ start: false });
  const runtime = runtimeFor(registry, { binary: '/bin/ls' });
  expect((await runtime.inspect(quiet)).refusals[0]).toMatch(/^\/bin\/ls is not a registry/);
});

test('finds the binary on the PATH under either name', async () => {
  await using registry = await startRegistry({ start: false });
  symlinkSync(registry.binary, join(temporary.path, 'registry'));
  const env = { PATH: `${temporary.path}:/usr/bin:/bin` };
  const state = await inspected(runtimeFor(registry, { binary: undefined, live: 'stopped', env }));
  expect(state.version).toBe(registry.version);
});

test.each([
  ['no YAML', 'version: [', /no valid configuration/],
  ['another version', 'version: 0.2\nstorage: inmemory\n', /version is "0.2", not 0.1/],
  ['two drivers', 'version: 0.1\nstorage: {inmemory: {}, filesystem: {}}\n', /storage names 2 drivers/],
  [
    'a driver that is not supported',
    'version: 0.1\nstorage: {s3: {bucket: b}}\n',
    /the storage driver is s3.*filesystem/,
  ],
  [
    'a missing root',
    'version: 0.1\nstorage: {filesystem: {rootdirectory: /nonesuch}}\n',
    /^\/nonesuch: .*mounted/,
  ],
  ['a socket', 'version: 0.1\nhttp: {net: unix, addr: /x}\nstorage: inmemory\n', /http\.net is unix/],
  ['no fixed port', 'version: 0.1\nhttp: {addr: "localhost:0"}\nstorage: inmemory\n', /names no fixed port/],
])('refuses a configuration with %s', async (_what, text, expected) => {
  await using registry = await startRegistry({ start: false });
  writeFileSync(registry.configFile, text);
  const { refusals } = await runtimeFor(registry, { live: 'stopped' }).inspect(quiet);
  expect(refusals).toEqual(expect.arrayContaining([expect.stringMatching(expected)]));
});

test('refuses a descriptor cache in Redis, and warns of a registry that is read-only already', async () => {
  await using registry = await startRegistry({
    start: false,
    config: { storage: { cache: { blobdescriptor: 'redis' }, maintenance: { readonly: { enabled: true } } } },
  });
  const state = await runtimeFor(registry).inspect(quiet);
  expect(state.refusals).toEqual([expect.stringContaining('Redis')]);
  expect(state.warnings.join()).toContain('read-only already');
  expect(state.cache).toBe('redis');
});

test('refuses a stand-in that nobody could prove for want of credentials', async () => {
  await using registry = await startRegistry({ auth: 'htpasswd' });
  const without = await runtimeFor(registry).inspect(quiet);
  expect(without).toMatchObject({ auth: 'htpasswd', live: 'running' });
  expect(without.refusals).toEqual([expect.stringMatching(/registry\.auth.*--no-readonly-instance/)]);
  expect((await runtimeFor(registry, { hasAuth: true }).inspect(quiet)).refusals).toEqual([]);
  expect((await runtimeFor(registry, { standIn: false }).inspect(quiet)).refusals).toEqual([]);

  // Whoever asks for credentials answers: with 401.
  const runtime = runtimeFor(registry, { hasAuth: true });
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  await fence.stop.do(quiet);
  await fence.readonly?.do(quiet);
  expect((await fetch(`${registry.url}/v2/`)).status).toBe(401);
  await fence.readonly?.undo();
  await fence.stop.undo();
  expect((await fetch(`${registry.url}/v2/`)).status).toBe(401);
});

test('refuses when something else than the registry listens on its address, naming it', async () => {
  await using registry = await startRegistry({ start: false });
  const squatter = createServer().listen(registry.port, '127.0.0.1');
  await once(squatter, 'listening');
  try {
    for (const live of [undefined, 'stopped'] as const) {
      const runtime = runtimeFor(registry, live === undefined ? {} : { live });
      const state = await runtime.inspect(quiet);
      expect(state.refusals).toEqual([expect.stringContaining(`(pid ${process.pid}) listens there`)]);
      expect(state.live).toBe('stopped');
    }
  } finally {
    squatter.close();
  }
});

test('refuses a live registry that runs although it is said to be stopped', async () => {
  await using registry = await startRegistry();
  const { refusals } = await runtimeFor(registry, { live: 'stopped' }).inspect(quiet);
  expect(refusals[0]).toMatch(new RegExp(`registry\\.live is "stopped", but .*\\(pid ${registry.pid}\\)`));
});

test('refuses a second registry over the same data, whatever name it has for it', async () => {
  await using registry = await startRegistry();
  const alias = join(temporary.path, 'alias');
  symlinkSync(registry.root, alias);
  await using second = await startRegistry({
    config: { storage: { filesystem: { rootdirectory: '/nonesuch' } } },
    env: { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: alias },
  });
  await using _unrelated = await startRegistry();
  const { refusals, writers } = await runtimeFor(registry).inspect(quiet);
  expect(refusals).toEqual([expect.stringContaining(`(pid ${second.pid}) writes there too`)]);
  expect(refusals[0]).toContain(second.configFile);
  expect(writers.map(({ pid }) => pid)).toEqual([registry.pid]);
});

test('refuses while a collector works on the same data', async () => {
  await using registry = await startRegistry();
  plantBlobs(registry.root, 2_000);
  // Nobody reads what it says, so it waits for us.
  const collector = spawn(registry.binary, ['garbage-collect', registry.configFile], {
    env: registry.environment,
  });
  try {
    await once(collector.stdout, 'readable');
    const { refusals } = await runtimeFor(registry).inspect(quiet);
    expect(refusals).toEqual([expect.stringContaining(`(pid ${collector.pid}) collects there`)]);
  } finally {
    signal(collector.pid ?? 0, 'SIGKILL');
    await once(collector, 'exit');
  }
});

test('refuses a live registry that works on other data than the configuration says', async () => {
  await using registry = await startRegistry();
  await using other = await startRegistry({
    start: false,
    config: { http: { addr: `127.0.0.1:${registry.port}` } },
  });
  const { refusals } = await runtimeFor(registry, { config: other.configFile }).inspect(quiet);
  expect(refusals).toEqual([expect.stringMatching(/works on another directory.*registry\.config/)]);
});

test("reads the live registry's own configuration when none is named, relative to where it runs", async () => {
  await using registry = await startRegistry({ start: false });
  const root = relative(registry.directory, registry.root);
  writeFileSync(
    registry.configFile,
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${root}}}\nhttp: {addr: "127.0.0.1:${registry.port}"}\n`,
  );
  const serving = spawn(registry.binary, ['serve', 'config.yml'], {
    cwd: registry.directory,
    env: registry.environment,
    stdio: 'ignore',
  });
  try {
    while (!(await fetch(registry.url).catch(() => undefined)))
      await new Promise((next) => setTimeout(next, 10));
    const env = { PATH: process.env.PATH, REGISTRY_CONFIGURATION_PATH: registry.configFile };
    const state = await inspected(runtimeFor(registry, { config: undefined, env }));
    expect(state).toMatchObject({ root: registry.root, live: 'running', writers: [{ pid: serving.pid }] });
  } finally {
    signal(serving.pid ?? 0, 'SIGKILL');
    await once(serving, 'exit');
  }
});

test('does not hand the registry what is meant for us', async () => {
  await using registry = await startRegistry({ start: false });
  const env = {
    PATH: process.env.PATH,
    REGISTRY_AUTH: 'user:pass',
    CLEANUP_REGISTRY_AUTH_PASSWORD: 'secret',
  };
  const dropped = await runtimeFor(registry, { env, dropEnv: ['REGISTRY_AUTH'] }).inspect(quiet);
  expect(dropped).toMatchObject({ auth: 'none', refusals: [] });
  const kept = await runtimeFor(registry, { env }).inspect(quiet);
  expect(kept.auth).toBe('other');
});

test('meets the stand-in of another run, and says whose it is', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry);
  const runId = newRun();
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId });
  await fence.stop.do(quiet);
  await fence.readonly?.do(quiet);
  const state = await runtimeFor(registry).inspect(quiet);
  expect(state.refusals.join('\n')).toContain(`belongs to run ${runId}`);
  await using elsewhere = await startRegistry();
  const unrelated = await runtimeFor(elsewhere).inspect(quiet);
  expect(unrelated.refusals).toEqual([]);
  await fence.readonly?.undo();
  await fence.stop.undo();
});

test('refuses a unit where there is no systemctl, and one that systemd does not know', async () => {
  await using registry = await startRegistry();
  const { refusals } = await runtimeFor(registry, {
    live: { unit: 'docker-registry' },
    env: { PATH: temporary.path },
  }).inspect(quiet);
  expect(refusals).toEqual([expect.stringContaining('no systemctl on the PATH')]);
  const odd = await runtimeFor(registry, { live: { unit: '--now' } }).inspect(quiet);
  expect(odd.refusals).toEqual([expect.stringContaining('no name of a unit')]);
});
