import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, pushBlob } from '../support/http.ts';
import { digestOf } from '../support/layout.ts';
import { bytesOf, mediaTypes, noise, type Pushed, pushManifest } from '../support/push.ts';
import { docker, inspected, leftBehind, standing } from './support/docker.ts';
import { expectOpen, expectWhole } from './support/images.ts';
import { expectLeftAlone, lookAt } from './support/left-alone.ts';
import { buildOddRegistry, lingering } from './support/odd-registry.ts';
import { type RegistryContainer, Scene } from './support/scene.ts';

/* A registry remembers which blobs it has. What a run has collected must be forgotten: else it is never taken again. */

const odd = `rc-odd-registry:${randomBytes(4).toString('hex')}`;
beforeAll(() => buildOddRegistry(odd));
afterAll(async () => {
  await docker('rmi', odd);
});

let scene: Scene;
let redis: string;
beforeEach(async () => {
  scene = await Scene.open();
  redis = `${scene.id}-redis`;
});
afterEach(() => scene[Symbol.asyncDispose]());

const repository = 'team/app';
/** Nowhere else, so that it can be looked for in all that is written. */
const password = 'correct-horse-battery';

/** A registry that keeps its descriptors in a Redis of its network, whose password only its environment has. */
async function withRedis(flags: readonly string[] = []): Promise<RegistryContainer> {
  const alias = ['--network', scene.network, '--network-alias', 'redis'];
  await scene.run(redis, ...alias, 'redis:7-alpine', 'redis-server', '--requirepass', password);
  const config = `version: 0.1
storage:
  filesystem: { rootdirectory: /var/lib/registry }
  cache: { blobdescriptor: redis }
redis: { addr: 'redis:6379', db: 3 }
http: { addr: ':5000' }
`;
  return scene.registry({
    image: odd,
    config,
    flags: ['-e', `REGISTRY_REDIS_PASSWORD=${password}`, ...flags],
  });
}

/** Names of the keys in the registry's database, sorted. */
async function keys(): Promise<readonly string[]> {
  const cli = ['redis-cli', '-a', password, '--no-auth-warning', '-n', '3', '--scan'];
  return (await docker('exec', redis, ...cli)).split('\n').filter(Boolean).sort();
}

interface Filled {
  readonly doomed: Pushed;
  readonly kept: Pushed;
}

/** `latest` was `doomed`, of which the registry has every part in its mind. */
async function fillAndPull({ url }: RegistryContainer): Promise<Filled> {
  const doomed = await push(url, 'latest', 'doomed');
  const kept = await push(url, 'latest', 'kept');
  for (const { digest } of [doomed, kept])
    await expectWhole(url, { kept: [{ repository, tag: digest, digest }] });
  return { doomed, kept };
}

/** As clients push: what the registry says to have is not sent. */
async function push(url: string, tag: string, seed: string): Promise<Pushed> {
  const config = bytesOf(JSON.stringify({ architecture: 'amd64', os: 'linux', seed }));
  const layer = noise(seed);
  for (const bytes of [layer, config])
    if ((await statusOf(url, `blobs/${digestOf(bytes)}`)) !== 200) await pushBlob(url, repository, bytes);
  const types = mediaTypes.oci;
  return pushManifest(url, repository, tag, {
    schemaVersion: 2,
    mediaType: types.image,
    config: { mediaType: types.config, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: types.layer, digest: digestOf(layer), size: layer.length }],
  });
}

async function statusOf(url: string, what: string): Promise<number> {
  const headers = { accept: mediaTypes.oci.image };
  return (await call(url, 'HEAD', `/v2/${repository}/${what}`, [200, 404], undefined, headers)).status;
}

/** What was collected is not said to be there, and can be pushed and pulled again. */
async function expectForgotten({ name }: RegistryContainer, { doomed, kept }: Filled): Promise<void> {
  const url = await scene.urlOf(name);
  for (const digest of doomed.blobs) expect(await statusOf(url, `blobs/${digest}`)).toBe(404);
  expect(await statusOf(url, `manifests/${doomed.digest}`)).toBe(404);
  await push(url, 'again', 'doomed');
  const tags = [
    { repository, tag: 'latest', digest: kept.digest },
    { repository, tag: 'again', digest: doomed.digest },
  ];
  await expectWhole(url, { kept: tags });
  await expectOpen(url);
}

/** A run that dies with the collector at its end, and the registry closed. */
async function killWhenCollected(registry: RegistryContainer): Promise<void> {
  let cleaner = '';
  const run = scene.cleaner(registry, ['run', '--json'], {
    // Seen to have ended, it need not be watched for that.
    stays: true,
    onSpawn: (container) => {
      cleaner = container;
    },
  });
  await lingering(registry);
  await docker('kill', cleaner);
  expect((await run).exitCode).toBe(137);
  expect((await inspected(registry.name))?.State.Running).toBe(false);
}

const cleaned = { outcome: 'ok', exitCode: 0, removed: { manifests: 1, blobs: 3 } };

describe('a registry that keeps its descriptors in Redis', () => {
  it('forgets what was collected, and keys of others stay', async () => {
    const registry = await withRedis();
    const filled = await fillAndPull(registry);
    // Without this, nothing here tells anything.
    for (const digest of filled.doomed.blobs) expect(await keys()).toContain(`blobs::${digest}`);
    const cli = ['redis-cli', '-a', password, '--no-auth-warning', '-n', '3'];
    await docker('exec', redis, ...cli, 'SET', 'session:1', 'x');
    const before = await standing(registry.name);
    const { report, stdout, stderr } = await scene.clean(registry);
    expect(report).toMatchObject(cleaned);
    expect(stdout + stderr).not.toContain(password);
    expect(await keys()).toContain('session:1');
    expect(await standing(registry.name)).toEqual(before);
    expect(await leftBehind(registry)).toEqual([]);
    await expectForgotten(registry, filled);
  });

  it('forgets it in "recover", when the run was killed after everything had been collected', async () => {
    const registry = await withRedis(['-e', 'TEST_ODD=collector-lingers', '--restart', 'always']);
    const filled = await fillAndPull(registry);
    const before = await standing(registry.name);
    await killWhenCollected(registry);
    for (const digest of filled.doomed.blobs) expect(await keys()).toContain(`blobs::${digest}`);

    const { exitCode, stdout, stderr } = await scene.cleaner(registry, ['recover']);
    expect(exitCode, stdout + stderr).toBe(0);
    expect(await standing(registry.name)).toEqual(before);
    expect(await leftBehind(registry)).toEqual([]);
    await expectForgotten(registry, filled);
  });

  it('is refused while Redis is down, and nothing is touched', async () => {
    const registry = await withRedis();
    await fillAndPull(registry);
    await docker('stop', '-t', '1', redis);
    const before = await lookAt(registry);
    const { report, stdout, stderr } = await scene.clean(registry);
    expect(report).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
    expect(report.error?.details).toEqual([
      expect.stringMatching(
        /config\.yml: The registry's cache in Redis \(redis:6379\).*Check that Redis runs/,
      ),
    ]);
    expect(stdout + stderr).not.toContain(password);
    await expectLeftAlone(registry, before);
  });
});

describe('a registry that keeps its descriptors in memory', () => {
  it('forgets what was collected', async () => {
    const registry = await scene.registry({ flags: ['--restart', 'always'] });
    const filled = await fillAndPull(registry);
    expect((await scene.clean(registry)).report).toMatchObject(cleaned);
    await expectForgotten(registry, filled);
  });

  it('forgets it when the run was killed after everything had been collected, and recovered', async () => {
    const registry = await scene.registry({ image: odd, flags: ['-e', 'TEST_ODD=collector-lingers'] });
    const filled = await fillAndPull(registry);
    await killWhenCollected(registry);
    // Whoever finds it closed starts it: it is started once more.
    await docker('start', registry.name);
    await scene.urlOf(registry.name);
    const byHand = (await inspected(registry.name))?.State.StartedAt;
    const { exitCode, stdout, stderr } = await scene.cleaner(registry, ['recover']);
    expect(exitCode, stdout + stderr).toBe(0);
    expect((await inspected(registry.name))?.State.StartedAt).not.toBe(byHand);
    expect(await leftBehind(registry)).toEqual([]);
    await expectForgotten(registry, filled);
  });
});
