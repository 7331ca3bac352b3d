import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gateIn } from '../support/gate.ts';
import { call, pushBlob } from '../support/http.ts';
import { digestOf } from '../support/layout.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { inspected, ownTmpdir, post, runtimeFor } from '../support/process-runtime.ts';
import { configFor, program, report } from '../support/program.ts';
import { bytesOf, mediaTypes, noise, type Pushed, pushManifest } from '../support/push.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { liveCommands, type RegistryOptions, startRegistry, type TestRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { diff, snapshot, stateDirectory } from '../support/tree.ts';
import { beforeCollecting, beforeStopping } from '../support/wrapper.ts';

/** Long enough, and nowhere else, so that it can be looked for in everything that is written. */
const password = 'correct-horse-battery';
const repository = 'team/app';

let temporary: ReturnType<typeof ownTmpdir>;
beforeEach(() => {
  temporary = ownTmpdir();
});
afterEach(() => temporary[Symbol.asyncDispose]());

/** A registry that caches in database 3 of `redis`. `registry 2` reads `addr`, 3 `addrs`. */
function withCacheIn(redis: TestRedis, options: RegistryOptions = {}): Promise<TestRegistry> {
  return startRegistry({
    ...options,
    config: {
      storage: { cache: { blobdescriptor: 'redis' } },
      redis: { addr: redis.address, addrs: [redis.address], db: 3, password },
      ...options.config,
    },
  });
}

interface Image {
  readonly config: Uint8Array<ArrayBuffer>;
  readonly layer: Uint8Array<ArrayBuffer>;
}

function image(seed: string): Image {
  return {
    config: bytesOf(JSON.stringify({ architecture: 'amd64', os: 'linux', seed })),
    layer: noise(seed),
  };
}

/** As clients push: what the registry says to have is not sent. */
async function push(registry: TestRegistry, tag: string, { config, layer }: Image): Promise<Pushed> {
  for (const bytes of [layer, config]) {
    const known = await statusOf(registry, `blobs/${digestOf(bytes)}`);
    if (known !== 200) await pushBlob(registry.url, repository, bytes);
  }
  const types = mediaTypes.oci;
  return pushManifest(registry.url, repository, tag, {
    schemaVersion: 2,
    mediaType: types.image,
    config: { mediaType: types.config, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: types.layer, digest: digestOf(layer), size: layer.length }],
  });
}

/** Fails unless the tag, its manifest and its blobs come whole. */
async function pull(registry: TestRegistry, tag: string, { config, layer }: Image): Promise<void> {
  const accept = { accept: mediaTypes.oci.image };
  const path = `/v2/${repository}`;
  await call(registry.url, 'GET', `${path}/manifests/${tag}`, [200], undefined, accept);
  for (const bytes of [config, layer]) {
    const answer = await call(registry.url, 'GET', `${path}/blobs/${digestOf(bytes)}`, [200]);
    expect(digestOf(new Uint8Array(await answer.arrayBuffer()))).toBe(digestOf(bytes));
  }
}

async function statusOf(registry: TestRegistry, what: string): Promise<number> {
  const headers = { accept: mediaTypes.oci.image };
  return (await fetch(`${registry.url}/v2/${repository}/${what}`, { method: 'HEAD', headers })).status;
}

const doomed = image('doomed');
const kept = image('kept');

/** `latest` is `kept`, and was `doomed`, of which the registry remembers every part. */
async function fill(registry: TestRegistry, redis: TestRedis): Promise<{ doomed: Pushed; kept: Pushed }> {
  const pushed = {
    doomed: await push(registry, 'latest', doomed),
    kept: await push(registry, 'latest', kept),
  };
  await pull(registry, pushed.doomed.digest, doomed);
  await pull(registry, 'latest', kept);
  // Without this, nothing here tells anything.
  expect(redis.keys(3)).toContain(`blobs::${digestOf(doomed.layer)}`);
  expect(redis.keys(3)).toContain(`repository::${repository}::blobs`);
  return pushed;
}

async function expectForgotten(registry: TestRegistry, gone: Pushed): Promise<void> {
  for (const bytes of [doomed.layer, doomed.config]) {
    expect(await statusOf(registry, `blobs/${digestOf(bytes)}`)).toBe(404);
  }
  expect(await statusOf(registry, `manifests/${gone.digest}`)).toBe(404);
  await pull(registry, 'latest', kept);
  await push(registry, 'again', doomed);
  await pull(registry, 'again', doomed);
}

function journalOf(registry: TestRegistry): string | undefined {
  const path = join(registry.root, stateDirectory, 'journal.ndjson');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

describe('a run of a registry that caches descriptors in Redis', () => {
  it('makes it forget what the collector took, so that it can be pushed again, and touches no key of others', async () => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis);
    const pushed = await fill(registry, redis);
    const foreign = ['blobs:other', 'repository::x', 'session:1'];
    for (const key of foreign) redis.cli('-n', '3', 'SET', key, 'x');
    redis.cli('-n', '4', 'SET', `blobs::${digestOf(doomed.layer)}`, 'x');

    const config = configFor(registry);
    const before = snapshot(registry.root);
    const dry = await report('plan', config);
    expect(dry.report).toMatchObject({ exitCode: 0, removed: { manifests: 1 } });
    expect(diff(before, snapshot(registry.root))).toEqual([]);
    expect(redis.keys(3)).toContain(`blobs::${digestOf(doomed.layer)}`);

    const { stdout, stderr, report: document } = await report('run', config);
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1, blobs: 3 } });
    expect(redis.keys(3)).toEqual(expect.arrayContaining(foreign));
    expect(redis.keys(4)).toEqual([`blobs::${digestOf(doomed.layer)}`]);
    await expectForgotten(registry, pushed.doomed);

    const records = join(registry.root, stateDirectory, 'runs');
    const kept = readdirSync(records).map((name) => readFileSync(join(records, name), 'utf8'));
    expect([stdout, stderr, ...kept].join()).not.toContain(password);
  });

  it('does so for one that is stopped, and started later by somebody else', async () => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis);
    const pushed = await fill(registry, redis);
    await registry.stop();
    expect(await runTold(configFor(registry, { live: 'stopped' }))).toMatchObject({ exitCode: 0 });
    expect(redis.keys(3)).toEqual([]);
    await registry.start();
    await expectForgotten(registry, pushed.doomed);
  });

  it('does so when the collector fails, with references removed and blobs not yet', async () => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis);
    const pushed = await fill(registry, redis);
    const binary = beforeCollecting(registry, 'exit 3');
    const document = await runTold(configFor(registry, { binary }));
    expect(document).toMatchObject({ exitCode: 1, error: { code: 'COLLECTOR_FAILED' } });
    // The link is gone, although the blob is not: this repository has it no more.
    await expectForgotten(registry, pushed.doomed);
  });

  it('flushes nothing where nothing goes', async () => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis);
    await push(registry, 'latest', kept);
    await pull(registry, 'latest', kept);
    const keys = redis.keys(3);
    expect(await runTold(configFor(registry))).toMatchObject({ outcome: 'nothing-to-do', exitCode: 0 });
    expect(keys.length).toBeGreaterThan(0);
    expect(redis.keys(3)).toEqual(keys);
  });
});

describe('a Redis that cannot be flushed', () => {
  it.each([
    ['is down', (redis: TestRedis) => redis.stop(), /ECONNREFUSED.*Check that Redis runs/],
    [
      'gives no right to it',
      async (redis: TestRedis) => redis.cli('ACL', 'SETUSER', 'default', '-scan'),
      /NOPERM.*'scan'.*SCAN and UNLINK/,
    ],
  ])('when it %s, the run is refused and nothing is touched', async (_what, spoil, expected) => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis);
    await fill(registry, redis);
    await spoil(redis);
    const before = snapshot(registry.root);
    const { pid } = registry;
    for (const command of ['plan', 'run'] as const) {
      const { report: document, stdout, stderr } = await report(command, configFor(registry));
      expect(document).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
      expect(document.error?.details).toEqual([expect.stringMatching(expected)]);
      expect(stdout + stderr).not.toContain(password);
    }
    expect(diff(before, snapshot(registry.root))).toEqual([]);
    expect(registry.pid).toBe(pid);
  });

  it.each([
    ['no address', { redis: { addr: null, addrs: null } }, /redis\.addrs? is not set/],
    [
      'an address that is none',
      { redis: { addr: 'redis', addrs: ['redis'] } },
      /redis\.addrs? is "redis", not HOST:PORT/,
    ],
  ])('with %s in the configuration, inspection refuses', async (_what, config, expected) => {
    await using registry = await startRegistry({
      start: false,
      config: { storage: { cache: { blobdescriptor: 'redis' } }, ...config },
    });
    const { refusals, cache } = await runtimeFor(registry, { live: 'stopped' }).inspect(
      new AbortController().signal,
    );
    expect(cache).toBe('redis');
    expect(refusals).toEqual([expect.stringMatching(expected)]);
    expect(refusals[0]).toContain('blobdescriptor to inmemory');
  });

  it('when it goes before anything is removed, nothing is', async () => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis);
    await fill(registry, redis);
    using stopping = gateIn(registry.directory, 'stop');
    const before = closure(registry.root);
    const manifests = revisions(registry);
    const live = beforeStopping(registry, stopping.script);
    const run = runTold(configFor(registry, { live }));
    await stopping.reached(run);
    await redis.stop();
    stopping.open();
    expect(await run).toMatchObject({ outcome: 'failed', exitCode: 1, error: { code: 'REDIS_FAILED' } });
    expect(revisions(registry)).toEqual(manifests);
    assertNothingLost(before, closure(registry.root));
    expect(await post(registry.url)).toBe(202);
    expect(journalOf(registry)).toBeUndefined();
  });

  it('when it refuses after the collection, the registry is back, the command is told, and the next run begins with it', async () => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis);
    const pushed = await fill(registry, redis);
    using collecting = gateIn(registry.directory, 'collect');
    const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    const running = report('run', config);
    await collecting.reached(running);
    redis.cli('ACL', 'SETUSER', 'default', '-unlink', '-del');
    collecting.open();
    const { stdout, stderr, report: document } = await running;
    expect(document).toMatchObject({
      outcome: 'not-restored',
      exitCode: 20,
      error: { code: 'NOT_FLUSHED', details: [expect.stringContaining('NOPERM')] },
    });
    expect(document.steps.find(({ id }) => id === 'collect')?.outcome).toBe('ok');
    const command = document.error?.hint.trimEnd().split('\n').at(-1)?.trim() ?? '';
    expect(command).toMatch(new RegExp(`redis-cli -h 127.0.0.1 -p ${redis.port} -n 3`));
    const journal = journalOf(registry) ?? '';
    expect(journal).toContain('process-flush');
    expect([stdout, stderr, journal].join()).not.toContain(password);

    // This is what all of it is about: the registry runs, and believes to have what is gone.
    expect(await post(registry.url)).toBe(202);
    await pull(registry, 'latest', kept);
    expect(await statusOf(registry, `blobs/${digestOf(doomed.layer)}`)).toBe(200);

    // Whoever does as they are told is rid of it, without a restart.
    redis.cli('ACL', 'SETUSER', 'default', '+@all');
    const bash = spawn('bash', ['-c', command], { stdio: ['pipe', 'ignore', 'inherit'] });
    bash.stdin.end(`${password}\n`);
    await once(bash, 'exit');
    expect(await statusOf(registry, `blobs/${digestOf(doomed.layer)}`)).toBe(404);

    redis.cli('-n', '3', 'SET', `blobs::${digestOf(doomed.layer)}`, 'stale');
    const next = await report('run', config);
    expect(next.report).toMatchObject({ exitCode: 0 });
    expect(next.report.warnings).toContainEqual(expect.stringContaining('an earlier run'));
    expect(redis.keys(3)).not.toContain(`blobs::${digestOf(doomed.layer)}`);
    expect(journalOf(registry)).toBeUndefined();
    await expectForgotten(registry, pushed.doomed);
  });

  it('when it is gone after the collection, the registry is back, and runs go on once Redis is', async () => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis);
    const pushed = await fill(registry, redis);
    using collecting = gateIn(registry.directory, 'collect');
    const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    const run = runTold(config);
    await collecting.reached(run);
    await redis.stop();
    collecting.open();
    expect(await run).toMatchObject({ exitCode: 20, error: { code: 'NOT_FLUSHED' } });
    expect(await post(registry.url)).toBe(202);
    expect(await runTold(config)).toMatchObject({ exitCode: 20, error: { code: 'NOT_FLUSHED' } });
    expect(await post(registry.url)).toBe(202);
    await redis.start();
    expect(await runTold(config)).toMatchObject({ exitCode: 0 });
    await expectForgotten(registry, pushed.doomed);
  });
});

describe('after kill -9 in the middle of the collection', () => {
  it.each([
    ['of the configuration', {}, {}],
    [
      "that only the registry's environment has",
      { redis: { addr: null, addrs: null } },
      { REGISTRY_REDIS_PASSWORD: password, REGISTRY_REDIS_DB: '3' },
    ],
  ])('the next run flushes what was owed, with a password %s', async (_what, config, environment) => {
    await using redis = await startRedis({ password });
    const address = { REGISTRY_REDIS_ADDR: redis.address, REGISTRY_REDIS_ADDRS: `["${redis.address}"]` };
    const env = 'REGISTRY_REDIS_DB' in environment ? { ...environment, ...address } : {};
    await using registry = await withCacheIn(redis, { config, env });
    const pushed = await fill(registry, redis);
    await killWhileCollecting(registry);
    expect(journalOf(registry)).toContain('process-flush');
    expect(journalOf(registry)).not.toContain(password);
    expect(redis.keys(3)).toContain(`blobs::${digestOf(doomed.layer)}`);

    const { report: document } = await report('run', configFor(registry), [], ownEnvironment());
    expect(document).toMatchObject({ outcome: 'nothing-to-do', exitCode: 0 });
    await expectForgotten(registry, pushed.doomed);
    expect(journalOf(registry)).toBeUndefined();
  });

  it('what only the lost environment knew is named, the registry is back, and with it the next run knows again', async () => {
    await using redis = await startRedis({ password });
    await using registry = await withCacheIn(redis, {
      config: { redis: { addr: redis.address, addrs: [redis.address], db: 3 } },
      env: { REGISTRY_REDIS_PASSWORD: password },
    });
    const pushed = await fill(registry, redis);
    await killWhileCollecting(registry, ['--no-readonly-instance']);

    const first = await report('run', configFor(registry), [], ownEnvironment());
    expect(first.report).toMatchObject({ exitCode: 20, error: { code: 'NOT_FLUSHED' } });
    expect(first.report.error?.details.join()).toContain('REGISTRY_REDIS_PASSWORD');
    expect(first.report.error?.hint).toContain('redis-cli');
    expect(await post(registry.url)).toBe(202);
    const second = await report('run', configFor(registry), [], ownEnvironment());
    expect(second.report).toMatchObject({ exitCode: 0 });
    await expectForgotten(registry, pushed.doomed);
  });
});

it('a deed that was never done flushes nothing, and one that was undone nothing more', async () => {
  await using redis = await startRedis({ password });
  await using registry = await withCacheIn(redis);
  await fill(registry, redis);
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const flush = runtime.flush(state, { runId: 'test-1' });
  expect(state.cache).toBe('redis');
  const keys = redis.keys(3);
  await flush?.undo();
  expect(redis.keys(3)).toEqual(keys);
  await flush?.do(new AbortController().signal);
  expect(redis.keys(3)).toEqual(keys);
  await flush?.undo();
  expect(redis.keys(3)).toEqual([]);
  await pull(registry, 'latest', kept);
  await flush?.undo();
  expect(redis.keys(3).length).toBeGreaterThan(0);
});

it('a cache in memory needs no flush', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry);
  expect(runtime.flush(await inspected(runtime), { runId: 'test-1' })).toBeUndefined();
});

function revisions(registry: TestRegistry): string {
  const below = join(registry.root, 'docker/registry/v2/repositories');
  return execFileSync('find', [below, '-name', 'link', '-path', '*/revisions/*'], { encoding: 'utf8' });
}

/** Runs and children of this test only: their temporary directory is its own. */
function ownEnvironment() {
  return { env: { TMPDIR: temporary.path } };
}

/** When the blobs are gone already: the next run has nothing to do, and no reason of its own to flush. */
async function killWhileCollecting(registry: TestRegistry, args: readonly string[] = []): Promise<void> {
  using collecting = gateIn(registry.directory, 'collect');
  const binary = beforeCollecting(registry, `"$real" "$@"; ${collecting.script}`);
  let child: ReturnType<typeof spawn> | undefined;
  const run = program(
    ['run', '--config', configFor(registry, { binary, live: liveCommands(registry) }), ...args],
    {
      ...ownEnvironment(),
      onSpawn: (spawned) => {
        child = spawned;
      },
    },
  );
  await collecting.reached(run);
  child?.kill('SIGKILL');
  await run;
}
