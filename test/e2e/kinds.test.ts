import { randomBytes, randomInt } from 'node:crypto';
import { statSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../support/http.ts';
import { bcryptOfSecret, credentials } from '../support/registry.ts';
import { docker, inspected } from './support/docker.ts';
import { expectWhole } from './support/images.ts';
import { expectLeftAlone, lookAt } from './support/left-alone.ts';
import { buildOddRegistry, lingering } from './support/odd-registry.ts';
import {
  type CleanerOptions,
  freePort,
  type RegistryContainer,
  type RegistryContainerOptions,
  Scene,
  socket,
} from './support/scene.ts';
import { cleaned, expectRestored, settingOf } from './support/setting.ts';

/* However a container runs the registry: it is cleaned, and then it is as it was. */

const odd = `rc-odd-registry:${randomBytes(4).toString('hex')}`;
beforeAll(() => buildOddRegistry(odd));
afterAll(async () => {
  await docker('rmi', odd);
});

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene[Symbol.asyncDispose]());

interface Kind {
  readonly registry: RegistryContainerOptions;
  readonly cleaner?: CleanerOptions;
  /** What the run's document says, beside that it was cleaned. */
  readonly told?: Readonly<Record<string, unknown>>;
  /** Where else it is reached: before, in the middle of a run, and after. */
  readonly urls?: readonly string[];
  /** What is done to it before it is filled. */
  readonly prepare?: (registry: RegistryContainer) => Promise<unknown>;
  /** What must be so in the middle of a run. */
  readonly meanwhile?: (standIn: string) => Promise<void>;
}

const kinds: Readonly<Record<string, () => Kind | Promise<Kind>>> = {
  'with a named volume, under an alias of its network, that always restarts': () => ({
    registry: { flags: ['--restart', 'always'] },
  }),
  'with a directory of the host, that restarts three times when it fails': () => ({
    registry: { storage: 'bind', flags: ['--restart', 'on-failure:3'] },
  }),
  'of which our own collector takes the blobs': () => ({
    registry: {},
    cleaner: { env: { CLEANUP_COLLECTOR: 'native' } },
    told: { collector: { name: 'native' } },
  }),
  'on the network of the host, at a port that its environment sets': async () => {
    const port = await freePort();
    const flags = ['-e', `REGISTRY_HTTP_ADDR=0.0.0.0:${port}`];
    return {
      registry: { network: ['--network', 'host'], flags },
      urls: [`http://127.0.0.1:${port}`],
    };
  },
  'with a config.yml that is mounted read-only': () => ({
    registry: { config: configuration('/var/lib/registry') },
  }),
  'that serves by "serve" and a path, and keeps its data where its environment says, deeper in the volume':
    () => ({
      registry: {
        flags: [
          ...['-v', `${scene.write('own.yml', configuration('/elsewhere'))}:/etc/own.yml:ro`],
          ...['-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/var/lib/registry/deep/er'],
        ],
        command: ['serve', '/etc/own.yml'],
      },
    }),
  'in two networks, under a name in each': async () => {
    const other = `${scene.id}-other`;
    await scene.addNetwork(other);
    return {
      registry: {},
      prepare: ({ name }) => docker('network', 'connect', '--alias', 'hub', other, name),
      cleaner: { network: other },
      async meanwhile(standIn) {
        const { Networks = {} } = (await inspected(standIn))?.NetworkSettings ?? {};
        expect(Object.keys(Networks).sort()).toEqual([scene.network, other].sort());
        expect(Networks[scene.network]?.Aliases).toContain('registry');
        expect(Networks[other]?.Aliases).toContain('hub');
      },
    };
  },
  'at a fixed address': async () => {
    const { network, address } = await subnet();
    return {
      registry: { network: ['--network', network, '--ip', address] },
      cleaner: { network },
      urls: [`http://${address}:5000`],
    };
  },
  'at a port that is published on one address of the host': async () => {
    const at = `127.0.0.2:${await freePort()}`;
    return { registry: { flags: ['-p', `${at}:5000`] }, urls: [`http://${at}`] };
  },
  'in the default network, where only a published port leads, the cleaner in another one': async () => {
    const port = await freePort();
    return {
      registry: { network: ['--network', 'bridge'], flags: ['-p', `${port}:5000`] },
      urls: [`http://127.0.0.1:${port}`],
    };
  },
};

it.each(Object.entries(kinds))('a registry %s, is cleaned and back as it was', async (_, kind) => {
  const { registry: options, cleaner, told, urls = [], prepare, meanwhile } = await kind();
  const lingers = urls.length > 0 || meanwhile !== undefined;
  const waits = lingers ? ['-e', 'TEST_ODD=collector-lingers'] : [];
  const registry = await scene.registry({
    ...options,
    image: odd,
    flags: [...waits, ...(options.flags ?? [])],
  });
  await prepare?.(registry);
  const setting = await settingOf(registry);
  const run = scene.clean(registry, [], cleaner);
  if (lingers) {
    const { name, goOn } = await lingering(registry);
    await meanwhile?.(name);
    for (const url of urls) {
      await expectWhole(url, setting.held);
      await call(url, 'POST', '/v2/app/blobs/uploads/', [405]);
    }
    await goOn();
  }
  expect((await run).report).toMatchObject({ ...cleaned, ...told });
  await expectRestored(scene, setting, urls);
});

it('a registry that asks for a password is cleaned with it, and refused without', async () => {
  const { username, password } = credentials;
  const file = scene.write('htpasswd', `${username}:${bcryptOfSecret}\n`);
  const registry = await scene.registry({
    flags: [
      ...['-e', 'REGISTRY_AUTH=htpasswd', '-e', 'REGISTRY_AUTH_HTPASSWD_REALM=registry'],
      ...['-e', 'REGISTRY_AUTH_HTPASSWD_PATH=/etc/htpasswd', '-v', `${file}:/etc/htpasswd:ro`],
    ],
  });
  const setting = await settingOf(registry, loggedIn);
  const sight = await lookAt(registry);
  expect((await scene.clean(registry)).report).toMatchObject({
    exitCode: 6,
    error: { details: [expect.stringMatching(/auth\.htpasswd.*Set registry\.auth/)] },
  });
  await expectLeftAlone(registry, sight);

  const { report, stdout, stderr } = await scene.clean(registry, [], {
    env: { CLEANUP_REGISTRY_AUTH_USERNAME: username, CLEANUP_REGISTRY_AUTH_PASSWORD: password },
  });
  expect(report).toMatchObject(cleaned);
  expect(stdout + stderr).not.toContain(password);
  await expectRestored(scene, setting);

  function loggedIn(url: string): string {
    return url.replace('//', `//${username}:${password}@`);
  }
});

describe('a registry that runs as a user other than root', () => {
  let registry: RegistryContainer;
  beforeEach(async () => {
    registry = await scene.registry({ flags: ['--user', '1000:1000'] });
    const path = '/var/lib/registry';
    const owned = ['busybox:latest', 'chown', '1000:1000', path];
    await docker('run', '--rm', '--volumes-from', registry.name, ...owned);
  });

  it('is refused to who has no right to its files, with the lines that give it, and cleaned with them', async () => {
    const setting = await settingOf(registry);
    const sight = await lookAt(registry);
    const group = `${statSync(socket).gid}`;
    const powerless = await scene.clean(registry, [], { flags: ['--cap-drop', 'ALL'] });
    expect(powerless.report).toMatchObject({ exitCode: 6, error: { code: 'REFUSED' } });
    expect(powerless.report.error?.details.at(-1)).toMatch(/cap_add: \[DAC_OVERRIDE/);
    const other = await scene.clean(registry, [], {
      flags: ['--cap-drop', 'ALL', '--user', '2000:2000', '--group-add', group],
    });
    expect(other.report).toMatchObject({ exitCode: 6, error: { code: 'REFUSED' } });
    const cures = other.report.error?.details.join('\n');
    expect(cures).toContain('user: "1000:1000"');
    expect(cures).toContain(`group_add: ["${group}"]`);
    await expectLeftAlone(registry, sight);

    const { report } = await scene.clean(registry, [], {
      flags: ['--cap-drop', 'ALL', '--user', '1000:1000', '--group-add', group],
    });
    expect(report).toMatchObject(cleaned);
    await expectRestored(scene, setting);
  });

  it('is cleaned by root with that one capability, and its files stay its own', async () => {
    const setting = await settingOf(registry);
    const flags = ['--cap-drop', 'ALL', '--cap-add', 'DAC_OVERRIDE'];
    expect((await scene.clean(registry, [], { flags })).report).toMatchObject(cleaned);
    await expectRestored(scene, setting);
    expect(await ownersIn(registry)).toEqual(['1000:1000']);
  });
});

/** A network of the scene with addresses of its own, that nobody else is likely to have. */
/** Near the engine's own bridge where that is in 10.0.0.0/8: other places may be closed to forwarding. */
async function subnet(): Promise<{ readonly network: string; readonly address: string }> {
  const network = `${scene.id}-subnet`;
  const format = '{{(index .IPAM.Config 0).Gateway}}';
  const near = /^10\.\d+/.exec(await docker('network', 'inspect', '--format', format, 'bridge'))?.[0];
  for (let attempt = 1; ; attempt++) {
    const prefix = `${near ?? `10.${randomInt(100, 250)}`}.${randomInt(130, 250)}`;
    try {
      await scene.addNetwork(network, '--subnet', `${prefix}.0/24`);
      return { network, address: `${prefix}.77` };
    } catch (error) {
      if (attempt === 5 || !/overlaps/i.test(String(error))) throw error;
    }
  }
}

/** Whose the files of the registry are; what the cleaner keeps for itself is its own. */
async function ownersIn({ name }: RegistryContainer): Promise<readonly string[]> {
  const command = 'find /var/lib/registry/docker -exec stat -c %u:%g {} + | sort -u';
  return (await docker('exec', name, 'sh', '-c', command)).split('\n');
}

function configuration(root: string): string {
  return `version: 0.1
storage:
  filesystem: { rootdirectory: ${root} }
  cache: { blobdescriptor: inmemory }
http: { addr: ':5000' }
`;
}
