import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, program, type Report } from '../support/program.ts';
import { docker, inspected, leftBehind } from './support/docker.ts';
import { haltAt } from './support/halt.ts';
import { buildOddRegistry } from './support/odd-registry.ts';
import { PrivateEngine } from './support/private-engine.ts';
import { image, type RegistryContainer, Scene } from './support/scene.ts';
import { expectRestored, type Setting, settingOf } from './support/setting.ts';

/* The engine goes away in the middle of a run: it is upgraded, or dies. One of this file's own, so nobody else is hurt. */

const odd = `rc-odd-registry:${randomBytes(4).toString('hex')}`;
const theirs = process.env.DOCKER_HOST;
let engine: PrivateEngine;
beforeAll(async () => {
  await buildOddRegistry(odd);
  engine = await PrivateEngine.open([odd, image]);
  process.env.DOCKER_HOST = engine.host;
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  process.env.DOCKER_HOST = theirs;
  await docker('rmi', odd);
});

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene[Symbol.asyncDispose]());

async function setting(what: string): Promise<Setting> {
  const flags = ['--restart', 'always', '-e', `TEST_ODD=${what}`];
  return settingOf(await scene.registry({ image: odd, flags }));
}

/** The program on the host, which outlives the engine. */
function onHost(
  { name }: RegistryContainer,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const told = { CLEANUP_REGISTRY_CONTAINER: name, CLEANUP_UNTAGGED_KEEP_WITHIN: '0s' };
  return program(args, { env: { DOCKER_HOST: engine.host, ...told, ...env } });
}

/** The container in which the collector hangs, once it does. */
async function hanging(registry: RegistryContainer): Promise<string> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const [name] = await leftBehind(registry);
    if (name !== undefined && (await docker('top', name).catch(() => '')).includes('sleep 300')) return name;
    await sleep(100);
  }
  throw new Error('no collector hangs');
}

describe('a cleaner that outlives its engine', () => {
  it('waits for it in mid-collection, and brings the registry back', async () => {
    const found = await setting('collector-hangs');
    const run = onHost(found.registry, ['run', '--json']);
    await hanging(found.registry);
    await engine.end('SIGKILL');
    await sleep(3_000);
    await engine.start();
    const { exitCode, stdout, stderr } = await run;
    expect([1, 5], stderr).toContain(exitCode);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'failed' });
    await expectRestored(scene, found);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'brings the registry back after a %s that comes as it does so',
    async (how) => {
      const found = await setting('');
      const halt = haltAt(scene, '^\\[restore\\] \\| Starting the live registry again');
      const run = onHost(found.registry, ['run', '--json'], halt.env);
      await halt.reached(run);
      await engine.end(how);
      halt.goOn();
      await sleep(1_000);
      await engine.start();
      const { exitCode, stdout, stderr } = await run;
      expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
      expect((JSON.parse(stdout) as Report).removed.manifests).toBe(4);
      await expectRestored(scene, found);
    },
  );

  it.runIf(process.env.LONG === '1')(
    'gives up on one that stays away, and says how to go on by hand',
    async () => {
      const found = await setting('collector-hangs');
      const run = onHost(found.registry, ['run']);
      await hanging(found.registry);
      await engine.end('SIGKILL');
      const { exitCode, stdout } = await run;
      expect(exitCode, stdout).toBe(20);
      expect(stdout).toContain('THE REGISTRY COULD NOT BE RESTORED');
      expect(stdout.trimEnd().split('\n').at(-1)).toContain(`docker start ${found.registry.name}`);
      await engine.start();
      expect(await onHost(found.registry, ['recover'])).toMatchObject({ exitCode: 0 });
      await expectRestored(scene, found);
    },
  );
});

describe('an engine that keeps containers alive while it is away', () => {
  afterEach(async () => {
    await engine.end('SIGTERM');
    await engine.start();
  });

  it('has a collector that nobody waits for: recover ends it before the registry starts', async () => {
    const keeps = '--live-restore';
    await engine.end('SIGTERM');
    await engine.start(keeps);
    const found = await setting('collector-hangs');
    const { name } = found.registry;
    let cleaner = '';
    const run = scene.cleaner(found.registry, ['run', '--json'], {
      socket: engine.socket,
      stays: true,
      onSpawn: (container) => {
        cleaner = container;
      },
    });
    const standIn = await hanging(found.registry);
    await docker('kill', cleaner);
    await run;
    await engine.end('SIGKILL');
    await engine.start(keeps);
    expect((await inspected(standIn))?.State.Running).toBe(true);
    expect(await docker('top', standIn)).toContain('sleep 300');
    expect((await inspected(name))?.State.Running).toBe(false);
    const since = Math.floor(Date.now() / 1_000);
    const recovered = await scene.cleaner(found.registry, ['recover'], { socket: engine.socket });
    expect(recovered.exitCode, recovered.stdout).toBe(0);
    const both = await eventsOf(since, [standIn, name]);
    expect(both.indexOf(`start ${name}`)).toBeGreaterThan(both.indexOf(`die ${standIn}`));
    expect(both).toContain(`die ${standIn}`);
    expect(await inspected(standIn)).toBeUndefined();
    await expectRestored(scene, found);
  });
});

/** What happened to the containers since then (seconds since the epoch), in order. */
async function eventsOf(since: number, names: readonly string[]): Promise<readonly string[]> {
  const which = names.flatMap((name) => ['--filter', `container=${name}`]);
  const until = String(Math.ceil(Date.now() / 1_000) + 1);
  const format = '{{.Action}} {{.Actor.Attributes.name}}';
  const text = await docker(
    'events',
    '--since',
    String(since),
    '--until',
    until,
    ...which,
    '--format',
    format,
  );
  return text.split('\n');
}
