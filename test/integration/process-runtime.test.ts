import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  get,
  inspected,
  newRun,
  ownTmpdir,
  plantBlobs,
  post,
  quiet,
  runtimeFor,
} from '../support/process-runtime.ts';
import { pushImage } from '../support/push.ts';
import { collect as collectByHand, freePort, startRegistry } from '../support/registry.ts';

let temporary: ReturnType<typeof ownTmpdir>;
beforeEach(() => {
  temporary = ownTmpdir();
});
afterEach(() => temporary[Symbol.asyncDispose]());

test('stops the live registry, serves read-only in its place, collects, and brings it back', async () => {
  await using registry = await startRegistry();
  await pushImage(registry.pushUrl, 'app', 'latest');
  plantBlobs(registry.root, 3);
  const before = registry.pid;
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  expect(state).toMatchObject({
    version: registry.version,
    major: registry.major,
    root: registry.root,
    url: registry.url,
    live: 'running',
    writers: [{ pid: before }],
    auth: 'none',
    cache: 'inmemory',
    warnings: [],
  });

  const runId = newRun();
  const fence = runtime.fence(state, { standIn: true, runId });
  expect(await fence.breach()).toContain(`(pid ${before})`);
  await fence.stop.do(quiet);
  expect(registry.pid).toBeUndefined();
  expect(await get(registry.url)).toBeUndefined();

  await fence.readonly?.do(quiet);
  expect(await get(registry.url)).toBe(200);
  expect(await post(registry.url)).toBe(405);
  expect((await fetch(`${registry.url}/v2/app/tags/list`)).status).toBe(200);
  expect(await fence.breach()).toBeUndefined();

  const lines: string[] = [];
  const collection = runtime.collect(state, {
    dryRun: false,
    deleteUntagged: false,
    runId,
    onLine: (line, stream) => lines.push(`${stream} ${line}`),
  });
  expect(await collection.do(quiet)).toEqual({ exitCode: 0, signal: undefined });
  expect(lines.filter((line) => /^stdout blob eligible for deletion: sha256:/.test(line))).toHaveLength(3);
  expect(lines.some((line) => /^stdout \d+ blobs marked, 3 blobs and 0 manifests eligible/.test(line))).toBe(
    true,
  );

  await collection.undo();
  await fence.readonly?.undo();
  expect(await get(registry.url)).toBeUndefined();
  await fence.stop.undo();
  expect(await get(registry.url)).toBe(200);
  expect(registry.pid).not.toBe(before);
  expect(await post(registry.url)).toBe(202);
  const { readOnlySeconds, unavailableSeconds } = fence.window();
  expect(unavailableSeconds).toBeGreaterThan(0);
  expect(readOnlySeconds).toBeGreaterThan(unavailableSeconds);
  expect(readOnlySeconds).toBeLessThan(30);
  expect(ownLeft()).toEqual([]);
});

test('a rehearsal removes nothing, and says what it would remove', async () => {
  await using registry = await startRegistry();
  await pushImage(registry.pushUrl, 'app', 'latest');
  plantBlobs(registry.root, 2);
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const lines: string[] = [];
  const rehearsal = runtime.collect(state, {
    dryRun: true,
    deleteUntagged: true,
    runId: newRun(),
    onLine: (line) => lines.push(line),
  });
  expect(await rehearsal.do(quiet)).toEqual({ exitCode: 0, signal: undefined });
  await rehearsal.undo();
  expect(lines.filter((line) => line.startsWith('blob eligible for deletion'))).toHaveLength(2);
  const { stdout } = await collectByHand(registry, ['--dry-run']);
  expect(stdout).toMatch(/2 blobs and 0 manifests eligible for deletion/);
});

test('undoing is idempotent, and does nothing where nothing was done', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const fence = runtime.fence(state, { standIn: true, runId: newRun() });
  const { pid } = registry;
  await fence.readonly?.undo();
  await fence.stop.undo();
  expect(registry.pid).toBe(pid);

  await fence.stop.do(quiet);
  await fence.stop.undo();
  const again = registry.pid;
  expect(again).not.toBe(pid);
  await fence.stop.undo();
  expect(registry.pid).toBe(again);
});

test('undoing the stop ends a stand-in that is still in the way', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const fence = runtime.fence(state, { standIn: true, runId: newRun() });
  await fence.stop.do(quiet);
  await fence.readonly?.do(quiet);
  await fence.stop.undo();
  expect(await post(registry.url)).toBe(202);
  await fence.readonly?.undo();
  expect(await post(registry.url)).toBe(202);
});

test('a registry that did not run is not started, and pulls are served meanwhile', async () => {
  await using registry = await startRegistry({ start: false });
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  expect(state.live).toBe('stopped');
  expect(state.warnings.join()).toContain('does not run');
  const fence = runtime.fence(state, { standIn: true, runId: newRun() });
  await fence.stop.do(quiet);
  await fence.readonly?.do(quiet);
  expect(await post(registry.url)).toBe(405);
  await fence.readonly?.undo();
  await fence.stop.undo();
  expect(await get(registry.url)).toBeUndefined();
  expect(fence.window().unavailableSeconds).toBe(0);
  expect(fence.window().readOnlySeconds).toBeGreaterThan(0);
});

test('a configuration without an address is served on a free port while its registry is stopped', async () => {
  await using registry = await startRegistry({ start: false, config: { http: null } });
  const runtime = runtimeFor(registry, { live: 'stopped' });
  const state = await inspected(runtime);
  expect(state.warnings.join()).toContain('http.addr is not set');
  const fence = runtime.fence(state, { standIn: true, runId: newRun() });
  await fence.stop.do(quiet);
  await fence.readonly?.do(quiet);
  expect(await post(state.url)).toBe(405);
  await fence.readonly?.undo();
});

test('serves and collects where the environment of the live registry says that the data is', async () => {
  const port = await freePort();
  const root = join(temporary.path, 'elsewhere');
  await using registry = await startRegistry({
    config: { http: { addr: '127.0.0.1:1' }, storage: { filesystem: { rootdirectory: '/nonesuch' } } },
    port,
    env: {
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: root,
      REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`,
      // Each of these would undo a setting of the stand-in if it reached it.
      REGISTRY_STORAGE_MAINTENANCE:
        '{readonly: {enabled: false}, uploadpurging: {enabled: true, age: 1h, interval: 1h, dryrun: false}}',
      REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'inmemory',
      REGISTRY_LOG_LEVEL: 'debug',
    },
  });
  await pushImage(registry.pushUrl, 'app', 'latest');
  plantBlobs(root, 2);
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  expect(state).toMatchObject({ root, url: registry.url, live: 'running' });
  expect(state.warnings.join()).toContain('REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY');

  const runId = newRun();
  const fence = runtime.fence(state, { standIn: true, runId });
  await fence.stop.do(quiet);
  await fence.readonly?.do(quiet);
  expect((await fetch(`${registry.url}/v2/app/tags/list`)).status).toBe(200);
  expect(await post(registry.url)).toBe(405);
  const log = readFileSync(join(String(fence.readonly?.memo.directory), 'log'), 'utf8');
  expect(log).toContain('level=');
  expect(log).not.toMatch(/upload purge/i);
  expect(log).not.toContain('inmemory');
  const collection = runtime.collect(state, {
    dryRun: false,
    deleteUntagged: false,
    runId,
    onLine: () => {},
  });
  expect((await collection.do(quiet)).exitCode).toBe(0);
  expect(readdirSync(join(root, 'docker/registry/v2/blobs/sha256/00')).length).toBe(0);
  await collection.undo();
  await fence.readonly?.undo();
  await fence.stop.undo();
  expect(await get(registry.url)).toBe(200);
});

test('the generated configuration is readable by us alone and goes when it is done', async () => {
  await using registry = await startRegistry({ start: false });
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const fence = runtime.fence(state, { standIn: true, runId: newRun() });
  await fence.readonly?.do(quiet);
  const directory = String(fence.readonly?.memo.directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'config.yml')).mode & 0o777).toBe(0o600);
  await fence.readonly?.undo();
  expect(existsSync(directory)).toBe(false);
});

/** What is left in the temporary directory, but for the test registry's own. */
function ownLeft(): readonly string[] {
  return temporary.left().filter((name) => !name.startsWith('registry-cleanup-test-'));
}
