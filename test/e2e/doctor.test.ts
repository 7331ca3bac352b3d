import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CheckId, DoctorDocument } from '../../src/report/doctor-document.ts';
import { createDockerRuntime } from '../../src/runtime/docker.ts';
import { checkOf, examine, faultsOf } from '../integration/doctor-here.ts';
import { ownTmpdir } from '../support/process-runtime.ts';
import { pushImage } from '../support/push.ts';
import { diff, snapshot } from '../support/tree.ts';
import { httpBetween } from './engine/between.ts';
import { docker, inspected, standing } from './support/docker.ts';
import { buildOddRegistry } from './support/odd-registry.ts';
import { freePort, type RegistryContainer, type RegistryContainerOptions, Scene } from './support/scene.ts';

const odd = `rc-odd-registry:${randomBytes(4).toString('hex')}`;
let place: ReturnType<typeof ownTmpdir>;
beforeAll(async () => {
  place = ownTmpdir();
  await buildOddRegistry(odd);
});
afterAll(async () => {
  await docker('rmi', odd);
  await place[Symbol.asyncDispose]();
});

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene[Symbol.asyncDispose]());

const env = { DOCKER_HOST: process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock' };

/** A registry with a tag, and something to remove. */
async function filled(options: RegistryContainerOptions = {}): Promise<RegistryContainer> {
  const registry = await scene.registry(options);
  for (const seed of ['old', 'new']) await pushImage(registry.url, 'team/app', 'v1', { seed });
  return registry;
}

/** Writes a configuration for the container `name`. */
function configFor(name: string, more: Readonly<Record<string, unknown>> = {}): string {
  const file = join(scene.directory, 'cleanup.config.json');
  writeFileSync(file, JSON.stringify({ registry: { runtime: 'docker', container: name, ...more } }));
  return file;
}

/** Every container that a doctor could have left or taken, of this scene. */
async function standingAll(registry: RegistryContainer): Promise<unknown> {
  const mine = registry.id.slice(0, 12);
  const names = (await docker('ps', '-a', '--format', '{{.Names}}')).split('\n');
  return {
    ours: names.filter((name) => name.includes(scene.id) || name.includes(mine)).sort(),
    registry: await standing(registry.name),
  };
}

describe('the doctor of a registry in a container', () => {
  it('says from in a container that a healthy one stands in no run’s way, and changes nothing', async () => {
    const registry = await filled({ flags: ['-p', `127.0.0.1:${await freePort()}:5000`] });
    const before = {
      engine: await standingAll(registry),
      tree: snapshot(registry.root, { ignoreState: false }),
    };
    const { stdout, stderr, exitCode } = await scene.cleaner(registry, ['doctor', '--json']);
    const document = JSON.parse(stdout) as DoctorDocument;
    expect(faultsOf(document).text).toBe('');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(document).toMatchObject({
      outcome: 'ok',
      registry: { runtime: 'docker', version: expect.stringMatching(/^2\.8/) },
    });
    const others = document.checks.filter(({ outcome }) => outcome !== 'ok').map(({ id }) => id);
    expect(others).toEqual(['boot']);
    expect(checkOf(document, 'boot')).toMatchObject({ outcome: 'skipped' });
    expect(checkOf(document, 'registry').text).toBe(`container ${registry.name} (registry:2)`);
    expect(await standingAll(registry)).toEqual(before.engine);
    expect(diff(before.tree, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
  });

  it('says so on the host, too', async () => {
    const registry = await filled();
    const before = await standingAll(registry);
    const document = await examine(registry, configFor(registry.name), { env });
    expect(faultsOf(document).text).toBe('');
    expect(document.exitCode).toBe(0);
    expect(await standingAll(registry)).toEqual(before);
  });
});

describe('the throw-away instance', () => {
  async function whileTried<T>(registry: RegistryContainer, look: (url: string, name: string) => Promise<T>) {
    const options = { hasAuth: false, standIn: true, startTimeoutMs: 20_000, writes: true };
    const runtime = createDockerRuntime({ ...options, container: registry.name, env });
    try {
      const { signal } = new AbortController();
      const state = await runtime.inspect(signal);
      expect(state.refusals).toEqual([]);
      const name = `registry-cleanup-trial-${registry.id.slice(0, 12)}`;
      const trial = await runtime.tryReadonly(
        state,
        { runId: '20260101T000000-0badcafe', signal },
        (reach) => {
          const { host, port } = reach.connectTo ?? expect.fail('nowhere to connect to');
          return look(`http://${host}:${port}`, name);
        },
      );
      expect(await inspected(name)).toBeUndefined();
      return trial;
    } finally {
      await runtime.close();
    }
  }

  it('holds nothing, cannot change the registry’s data, and is found under none of its names', async () => {
    const config =
      'version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: ":5000"}\n';
    const flags = ['--label', 'traefik.enable=true', '-p', `127.0.0.1:${await freePort()}:5000`];
    const registry = await filled({ config, flags });
    const trial = await whileTried(registry, async (url, name) => {
      const found = (await inspected(name)) ?? expect.fail(`no container ${name}`);
      const mounts = found.Mounts as readonly { Destination: string; Type?: string; RW?: boolean }[];
      const rows = mounts.map(({ Destination, Type, RW }) => `${Destination} ${Type} ${RW}`).sort();
      expect(rows).toEqual(['/etc/docker/registry/config.yml bind false', '/var/lib/registry tmpfs true']);
      expect(Object.keys(found.Config.Labels).filter((label) => label.includes('traefik'))).toEqual([]);
      expect(found.HostConfig.PortBindings ?? {}).toEqual({});
      const aliases = Object.values(found.NetworkSettings.Networks).flatMap(({ Aliases }) => Aliases ?? []);
      expect(aliases).not.toContain('registry');
      const listed = await fetch(`${url}/v2/_catalog`).then((answer) => answer.json());
      const push = await fetch(`${url}/v2/probe/blobs/uploads/`, { method: 'POST' });
      return { listed, status: push.status };
    });
    expect(trial).toEqual({ answer: { listed: { repositories: [] }, status: 405 } });
  });

  const settings: readonly (readonly [string, RegistryContainerOptions])[] = [
    ['in the host’s network', { network: ['--network', 'host'], flags: ['-e', 'REGISTRY_HTTP_ADDR=:5987'] }],
    ['in the default network', { network: ['--network', 'bridge'] }],
    ['of another user', { storage: 'bind', flags: ['--user', '4321:4321'] }],
    [
      'with a debug address, a prefix and a file system that cannot be written to',
      {
        flags: ['-e', 'REGISTRY_HTTP_DEBUG_ADDR=:5001', '-e', 'REGISTRY_HTTP_SECRET=x', '--read-only'],
      },
    ],
  ];
  it.each(settings)('is reached for a registry %s', async (_, options) => {
    const registry = await scene.registry(options);
    const ask = (url: string) =>
      fetch(`${url}/v2/p/blobs/uploads/`, { method: 'POST' }).then(({ status }) => status);
    expect(await whileTried(registry, ask)).toEqual({ answer: 405 });
  });

  it('uses a configuration that lies in the storage', async () => {
    const registry = await filled({ storage: 'bind' });
    const config =
      'version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: ":5000"}\n';
    writeFileSync(join(registry.root, 'config.yml'), config);
    await docker('rm', '-f', registry.name);
    const mount = ['-v', `${registry.root}:/var/lib/registry`];
    const network = ['--network', scene.network];
    const id = await scene.run(
      registry.name,
      ...network,
      ...mount,
      'registry:2',
      'serve',
      '/var/lib/registry/config.yml',
    );
    const again = { ...registry, id, url: await scene.urlOf(id) };
    const before = snapshot(registry.root);
    const trial = await whileTried(again, async (url, name) => {
      const [mount] = ((await inspected(name))?.Mounts ?? []) as readonly { readonly RW?: boolean }[];
      const push = await fetch(`${url}/v2/p/blobs/uploads/`, { method: 'POST' });
      return { status: push.status, writable: mount?.RW };
    });
    expect(trial).toEqual({ answer: { status: 405, writable: false } });
    expect(diff(before, snapshot(registry.root))).toEqual([]);
  });

  it('that was left over by a doctor that died goes with the next one', async () => {
    const registry = await filled();
    const name = `registry-cleanup-trial-${registry.id.slice(0, 12)}`;
    await scene.run(name, '--label', 'registry-cleanup.role=probe', 'busybox', 'sleep', '1000');
    const document = await examine(registry, configFor(registry.name), { env });
    expect(checkOf(document, 'readonly')).toMatchObject({ outcome: 'ok' });
    expect(await inspected(name)).toBeUndefined();
  });
});

describe('where no container may be created', () => {
  /** Knows of no way to create one, as a proxy in front of the engine might not. */
  const proxy = () =>
    httpBetween({
      path: (path) => path.replace('/containers/create', '/not/allowed'),
      version: (told) => told,
    });

  it('a run would fail, and the engine’s answer is told', async () => {
    const registry = await filled();
    await using between = await proxy();
    const document = await examine(registry, configFor(registry.name), {
      env: { DOCKER_HOST: between.address.shown },
    });
    expect(faultsOf(document).ids).toEqual(['readonly']);
    expect(faultsOf(document).text).toMatch(
      /POST \/containers\/create was answered by the Docker Engine with 404/,
    );
    expect(faultsOf(document).text).toMatch(/declare a stand-in, .* registry-cleanup\.role=readonly/);
    expect(document.exitCode).toBe(1);
  });

  it('a declared stand-in is enough, and is let be', async () => {
    const registry = await filled();
    const name = `${scene.id}-declared`;
    const readonly =
      'REGISTRY_STORAGE_MAINTENANCE={"readonly":{"enabled":true},"uploadpurging":{"enabled":false}}';
    await scene.run(
      name,
      ...['--network', scene.network, '-v', `${registry.root}:/var/lib/registry`],
      ...['--label', 'registry-cleanup.role=readonly', '-e', readonly, '-e', 'REGISTRY_STORAGE_CACHE={}'],
      'registry:2',
    );
    await docker('stop', name);
    const before = await inspected(name);
    await using between = await proxy();
    const document = await examine(registry, configFor(registry.name), {
      env: { DOCKER_HOST: between.address.shown },
    });
    expect(faultsOf(document).text).toBe('');
    const { outcome, text } = checkOf(document, 'readonly');
    expect({ outcome, text }).toEqual({ outcome: 'skipped', text: expect.stringContaining(name) });
    expect(await inspected(name)).toEqual(before);
  });
});

interface Fault {
  readonly title: string;
  readonly registry?: RegistryContainerOptions;
  /** What is around, and what is different in the configuration. */
  make?(registry: RegistryContainer): Promise<Readonly<Record<string, unknown>>>;
  readonly check: CheckId;
  readonly exitCode: number;
  readonly says: RegExp;
}

const faults: readonly Fault[] = [
  {
    title: 'there is no such container',
    make: async () => ({ container: 'nobody-s-registry' }),
    check: 'registry',
    exitCode: 6,
    says: /this engine has no container nobody-s-registry\..* Set it to one of them\./s,
  },
  {
    title: 'another container writes to the storage',
    async make({ root }) {
      await scene.run(`${scene.id}-writer`, '-v', `${root}:/data`, 'busybox', 'sleep', '1000');
      return {};
    },
    check: 'writers',
    exitCode: 6,
    says: /-writer \(busybox\) may write there, too: .* Stop it, or let it mount that read-only/,
  },
  {
    title: 'the registry is paused',
    async make({ name }) {
      await docker('pause', name);
      return {};
    },
    check: 'registry',
    exitCode: 6,
    says: /is paused\. Unpause it first: docker unpause/,
  },
  {
    title: 'the registry cannot be made read-only',
    registry: { flags: ['-e', 'TEST_ODD=stand-in-writes'] },
    check: 'readonly',
    exitCode: 5,
    says: /accepted an upload.*\n.*a variable of its environment/,
  },
  {
    title: 'a read-only registry does not start',
    registry: { flags: ['-e', 'TEST_ODD=stand-in-dies'] },
    check: 'readonly',
    exitCode: 1,
    says: /it exited with 1[\s\S]*odd/,
  },
];

describe('a fault that would stop a run is named with its cure', () => {
  it.each(faults)('$title', async (fault) => {
    const registry = await filled({ image: odd, ...fault.registry });
    const config = configFor(registry.name, await fault.make?.(registry));
    const document = await examine(registry, config, { env });
    expect(faultsOf(document).text).toMatch(fault.says);
    expect(faultsOf(document).ids).toEqual([fault.check]);
    expect(document).toMatchObject({ outcome: 'faults', exitCode: fault.exitCode });
    const trials = await docker('ps', '-aq', '--filter', `name=trial-${registry.id.slice(0, 12)}`);
    expect(trials).toBe('');
  });

  it('another volume is mounted', async () => {
    const registry = await filled();
    const storage = await scene.addVolume();
    const { stdout, exitCode } = await scene.cleaner(registry, ['doctor'], { storage });
    expect(stdout).toMatch(/✖ Storage[\s\S]*which is not mounted in the cleaner/);
    expect(stdout).toMatch(/\n\n1 thing would stop a run\.\n$/);
    expect(exitCode).toBe(6);
  });
});
