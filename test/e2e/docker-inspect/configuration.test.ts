import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

const text = `version: 0.1
http: { addr: ':5000' }
storage: { filesystem: { rootdirectory: /var/lib/registry }, delete: { enabled: true } }
`;

/** Flags that mount a file of the host. */
function mounted(content: string, path: string): readonly string[] {
  const file = join(stage.scene.directory, 'mounted.yml');
  writeFileSync(file, content);
  return ['-v', `${file}:${path}:ro`];
}

it.each([
  ['serve', ['serve', '/etc/own.yml'], []],
  ['the path alone', ['/etc/own.yml'], []],
  ['a shell', ['sh', '-c', 'true && exec registry serve /etc/own.yml'], []],
  ['the environment', ['serve'], ['-e', 'REGISTRY_CONFIGURATION_PATH=/etc/own.yml']],
])('reads the configuration that is named by %s', async (_, command, flags) => {
  await stage.registry({ flags: [...mounted(text, '/etc/own.yml'), ...flags], command });
  const { state, ground } = await stage.look();
  expect(state.refusals).toEqual([]);
  expect(ground).toMatchObject({
    configPath: '/etc/own.yml',
    binary: 'registry',
    version: expect.stringMatching(/^2/),
  });
  expect(state.cache).toBe('none');
});

it('applies the environment of the container', async () => {
  const cache = ['-e', 'REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR=inmemory'];
  const flags = [...mounted(text, '/etc/own.yml'), ...cache];
  await stage.registry({ flags, command: ['serve', '/etc/own.yml'] });
  expect((await stage.look()).state).toMatchObject({ cache: 'inmemory', refusals: [] });
});

it('runs as another user', async () => {
  await stage.registry({ flags: ['--user', '1000:1000'] });
  const { state, ground } = await stage.look();
  expect(state.refusals).toEqual([]);
  expect(ground?.live.user).toBe('1000:1000');
});

it('refuses a configuration that is not there, a directory, and none at all', async () => {
  const flags = ['--entrypoint', 'sleep', ...stage.service('registry')];
  const cases = [
    ['1000', 'its command does not tell where'],
    ['/nonesuch.yml', "/nonesuch.yml: the registry's configuration is not in its container"],
    ['/etc/docker/registry.yml', 'is a directory in the container'],
  ] as const;
  for (const [argument, expected] of cases) {
    const name = `${stage.scene.id}-${cases.findIndex(([one]) => one === argument)}`;
    const directory = argument.startsWith('/etc') ? ['-v', argument] : [];
    await stage.scene.run(name, ...flags, ...directory, 'registry:2', argument);
    const [refusal] = await stage.refusals({ container: name });
    expect(refusal).toContain(expected);
  }
});

it('refuses storage of another kind, auth without credentials, and a garbled configuration, all at once', async () => {
  const flags = ['--entrypoint', 'sleep', ...stage.service('registry')];
  const other =
    'version: 0.1\nhttp: { addr: ":0" }\nstorage: { s3: { bucket: b, region: r } }\nauth: { htpasswd: { realm: r, path: /p } }\n';
  await stage.scene.run(
    `${stage.scene.id}-s3`,
    ...flags,
    ...mounted(other, '/s3.yml'),
    'registry:2',
    '/s3.yml',
  );
  const refusals = await stage.refusals();
  expect(refusals).toEqual([
    expect.stringContaining('names no fixed port'),
    expect.stringContaining('the storage driver is s3'),
    expect.stringContaining('auth.htpasswd'),
  ]);
  await stage.scene.run(
    `${stage.scene.id}-bad`,
    ...flags,
    ...mounted('version: 7', '/bad.yml'),
    'registry:2',
    '/bad.yml',
  );
  expect((await stage.refusals({ container: `${stage.scene.id}-bad` }))[0]).toContain('is "7", not 0.1');
});

it('refuses a program that is no registry', async () => {
  const volume = await stage.scene.addVolume();
  await stage.scene.run(
    `${stage.scene.id}-odd`,
    ...['--entrypoint', 'tail', '-v', `${volume}:/var/lib/registry`, ...stage.service('registry')],
    ...['registry:2', '-f', '/dev/null', 'nonesuch', 'serve', '/etc/docker/registry/config.yml'],
  );
  expect((await stage.refusals()).join('\n')).toMatch(/nonesuch is no registry, or cannot be run there/);
});
