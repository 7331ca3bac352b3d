import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { places } from '../../../src/config/file.ts';
import { type LoadOptions, loadConfig } from '../../../src/config/load.ts';
import { CleanupError } from '../../../src/errors.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cleanup-config-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function write(name: string, text: string, mode = 0o644): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

function load(options: Partial<LoadOptions> = {}) {
  return loadConfig({ cwd: directory, env: {}, ...options });
}

/** Everything that is wrong, which must be a CONFIG_INVALID. */
async function problems(options: Partial<LoadOptions> = {}): Promise<readonly string[]> {
  const error = await load(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CleanupError)) throw new Error('should have been refused', { cause: error });
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.exitCode).toBe(2);
  return error.details;
}

const content: Readonly<Record<string, string>> = {
  ts: "import type { T } from 'nowhere';\nexport default { untagged: { keepWithin: '2h' as string } } satisfies T;\n",
  js: "export default { untagged: { keepWithin: '2h' } };\n",
  mjs: "export default { untagged: { keepWithin: '2h' } };\n",
  json: '{"untagged": {"keepWithin": "2h"}}',
  yaml: 'untagged:\n  keepWithin: 2h\n',
  yml: 'untagged: {keepWithin: 2h}\n',
};

describe('the configuration file', () => {
  it('may be left out', async () => {
    const { file, config, sources, warnings } = await load();
    expect(file).toBeUndefined();
    expect(config.untagged.keepWithin).toEqual({ ms: 3_600_000, text: '1h' });
    expect(sources['untagged.keepWithin']).toBe('default');
    expect(sources['registry.url']).toBe('not set');
    expect(warnings).toEqual([]);
  });

  it.each(places)('is found as %s', async (name) => {
    const path = await write(name, content[name.split('.').at(-1)!]!);
    const { file, config, sources } = await load();
    expect(file).toBe(path);
    expect(config.untagged.keepWithin).toEqual({ ms: 7_200_000, text: '2h' });
    expect(sources['untagged.keepWithin']).toBe(`file ${path}`);
  });

  it.each(places)('leaves nothing beside it when it is %s', async (name) => {
    await write(name, content[name.split('.').at(-1)!]!);
    await load();
    expect(await readdir(directory)).toEqual([name]);
  });

  it('is not looked for in parents, package.json or .config', async () => {
    await write('cleanup.config.yaml', 'dryRun: true');
    const below = join(directory, 'below');
    await mkdir(join(below, '.config'), { recursive: true });
    await write('below/package.json', '{"cleanup": {"dryRun": true}}');
    await write('below/.config/cleanup.config.yaml', 'dryRun: true');
    const { file, config } = await load({ cwd: below });
    expect(file).toBeUndefined();
    expect(config.dryRun).toBe(false);
  });

  it('that comes second is not read, and that is said', async () => {
    const first = await write('cleanup.config.json', '{"dryRun": true}');
    const second = await write('cleanup.config.yaml', 'untaged: [');
    const { file, warnings } = await load();
    expect(file).toBe(first);
    expect(warnings).toEqual([`${second} is not read: ${first} is there too`]);
  });

  it('may be named by flag, before CLEANUP_CONFIG, before the search', async () => {
    await write('cleanup.config.yaml', 'untagged: {keepWithin: 1m}');
    await write('a.yaml', 'untagged: {keepWithin: 2m}');
    await write('b.json', '{"untagged": {"keepWithin": "3m"}}');
    const keepWithin = async (options: Partial<LoadOptions>) =>
      (await load(options)).config.untagged.keepWithin.text;
    expect(await keepWithin({})).toBe('1m');
    expect(await keepWithin({ env: { CLEANUP_CONFIG: 'a.yaml' } })).toBe('2m');
    expect(
      await keepWithin({ env: { CLEANUP_CONFIG: 'a.yaml' }, configFile: join(directory, 'b.json') }),
    ).toBe('3m');
    expect(await keepWithin({ env: { CLEANUP_CONFIG: '' } })).toBe('1m');
  });

  it('that was named must be there', async () => {
    expect(await problems({ configFile: 'missing.yaml' })).toEqual([
      `${join(directory, 'missing.yaml')} does not exist`,
    ]);
    expect(await problems({ env: { CLEANUP_CONFIG: 'missing.ts' } })).toEqual([
      `${join(directory, 'missing.ts')} does not exist`,
    ]);
  });

  it('that is a dangling link is not passed over', async () => {
    await symlink('nowhere.yaml', join(directory, 'cleanup.config.yaml'));
    expect(await problems()).toEqual([`${join(directory, 'cleanup.config.yaml')} does not exist`]);
  });

  it.each(['cleanup.toml', 'cleanup', 'cleanup.cjs'])('named %s is refused for its ending', async (name) => {
    await write(name, '{}');
    expect(await problems({ configFile: name })).toEqual([expect.stringContaining('must end with .ts, .js')]);
  });

  it('must be a file', async () => {
    await mkdir(join(directory, 'cleanup.config.yaml'));
    expect(await problems()).toEqual([expect.stringContaining('is not a file')]);
    expect(await problems({ configFile: '/dev/zero' })).toEqual([expect.stringContaining('must end with')]);
  });

  it('may hold comments alone, but not nothing at all', async () => {
    await write('cleanup.config.yaml', '# nothing yet\n');
    expect((await load()).config.dryRun).toBe(false);
    await write('cleanup.config.yaml', ' \n');
    expect(await problems()).toEqual([expect.stringContaining('is empty')]);
  });

  it('may have empty sections', async () => {
    await write('cleanup.config.yaml', 'untagged:\n  # keepWithin: 2h\nregistry:\n  tls:\ndryRun: true\n');
    expect((await load()).config).toMatchObject({ dryRun: true, untagged: { keepWithin: { text: '1h' } } });
  });

  it('is enough with runtime, binary, config and live', async () => {
    await write(
      'minimal.json',
      '{"registry": {"runtime": "process", "binary": "/usr/bin/docker-registry", "config": "config.yml", "live": "stopped"}}',
    );
    const { config } = await load({ configFile: 'minimal.json' });
    expect(config.registry).toMatchObject({
      runtime: 'process',
      binary: '/usr/bin/docker-registry',
      config: join(directory, 'config.yml'),
      live: 'stopped',
    });
  });
});

describe('YAML', () => {
  const lol = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`).join(
    '\n',
  );
  it.each([
    ['aliases that multiply', `a0: &a0 [x]\n${lol}`, 'multiply without end'],
    ['a key that is there twice', 'dryRun: true\ndryRun: false', 'at line 2, column 1'],
    ['an unknown tag', 'dryRun: !!js/function "x"', 'is not valid YAML at line 1'],
    ['a second document', 'dryRun: true\n---\ndryRun: false', 'is not valid YAML at line 2'],
    ['a tab for indentation', 'untagged:\n\tkeepWithin: 2h', 'is not valid YAML at line 2'],
  ])('with %s is refused', async (_, text, problem) => {
    await write('cleanup.config.yaml', text);
    expect(await problems()).toEqual([expect.stringContaining(problem)]);
  });

  it('beyond 1 MiB is refused before it is read', async () => {
    await write('cleanup.config.yaml', `# ${'x'.repeat(1024 * 1024)}`);
    expect(await problems()).toEqual([expect.stringContaining('is bigger than 1 MiB')]);
  });

  it('that imports is told that it cannot', async () => {
    await write('other.js', 'globalThis.imported = true; export default {};');
    await write('cleanup.config.yaml', '$import: ./other.js');
    expect(await problems()).toEqual(['$import: is not a key here']);
    expect(Reflect.get(globalThis, 'imported')).toBeUndefined();
  });
});

describe('what is wrong with a file', () => {
  it.each([
    ['cleanup.config.yaml', 'registry: {auth: {password: *hunter2}}'],
    ['cleanup.config.yaml', 'registry: {auth: {password: !hunter2 x}}'],
    ['cleanup.config.yaml', 'password: "hunter2\\q"'],
    ['cleanup.config.yaml', 'password: @hunter2'],
    ['cleanup.config.yaml', 'registry:\n  password: x\n hunter2: ['],
    ['cleanup.config.json', '{"password": hunter2}'],
    ['cleanup.config.json', '{"password": "hunter2" "x"}'],
    ['cleanup.config.json', 'hunter2'],
    ['cleanup.config.js', 'export default {\n  password: "hunter2" x\n};'],
  ])('is said without quoting it (%s: %j)', async (name, text) => {
    await write(name, text);
    const said = await problems();
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(join(directory, name));
    expect(said[0]).not.toContain('hunter2');
    expect(said[0]).not.toContain('\n');
  });

  it('is said of JSON with its place where it is known', async () => {
    await write('cleanup.config.json', '{"dryRun": true\n  "x": 1}');
    expect(await problems()).toEqual([expect.stringContaining('is not valid JSON at line 2, column 3')]);
  });

  it('is said even where the environment overrides it', async () => {
    await write('cleanup.config.yaml', 'untagged: {keepWithin: 5}\nuntaged: {}');
    expect(await problems({ env: { CLEANUP_UNTAGGED_KEEP_WITHIN: '1h' } })).toEqual([
      expect.stringContaining('untagged.keepWithin: needs a unit'),
      'untaged: is not a key here; did you mean "untagged"?',
    ]);
  });

  it('is said together with what is wrong elsewhere, each with its place', async () => {
    await write('cleanup.config.yaml', 'untaged: {}');
    expect(
      await problems({ env: { CLEANUP_DAMAGE: 'go', CLEANUP_X: '1' }, flags: { dryRun: 1 as never } }),
    ).toEqual([
      'untaged: is not a key here; did you mean "untagged"?',
      'CLEANUP_X: is not a variable (environment)',
      'damage: must be "stop" or "isolate", not "go" (environment CLEANUP_DAMAGE)',
      'dryRun: must be true or false, not a number (command line)',
    ]);
  });

  it('includes keys that do not agree', async () => {
    await write('cleanup.config.yaml', 'registry: {auth: {username: u}}');
    expect(await problems()).toEqual([expect.stringContaining('registry.auth.password: is missing')]);
  });
});

describe('a configuration that is code', () => {
  it.each([0o664, 0o646, 0o666, 0o777])('is not run with mode %o', async (mode) => {
    for (const name of ['cleanup.config.ts', 'cleanup.config.js', 'cleanup.config.mjs']) {
      const path = await write(name, 'globalThis.ran = true; export default {};', mode);
      expect(await problems({ configFile: name })).toEqual([expect.stringContaining('so it is not run')]);
      await rm(path);
    }
    expect(Reflect.get(globalThis, 'ran')).toBeUndefined();
  });

  it('is judged by the file that a link leads to', async () => {
    await write('real.ts', 'export default {};', 0o666);
    await symlink('real.ts', join(directory, 'cleanup.config.ts'));
    expect(await problems()).toEqual([expect.stringContaining('everybody may change')]);
  });

  it('may be writable by others when it is none', async () => {
    await write('cleanup.config.yaml', 'dryRun: true', 0o666);
    expect((await load()).config.dryRun).toBe(true);
  });

  it.each([
    ['throws', 'throw new Error("not today"); export default {};', 'could not be run: not today'],
    ['exports nothing', 'export const config = {};', 'has no default export'],
    [
      'imports what is not there',
      "import 'registry-cleanup-nowhere'; export default {};",
      '"import type" with "satisfies"',
    ],
  ])('that %s is told so', async (_, text, problem) => {
    await write('cleanup.config.mjs', text);
    expect(await problems()).toEqual([expect.stringContaining(problem)]);
  });

  it('runs once, even when it throws', async () => {
    await write('cleanup.config.mjs', 'globalThis.runs = (globalThis.runs ?? 0) + 1; throw new Error("no");');
    await problems();
    expect(Reflect.get(globalThis, 'runs')).toBe(1);
    Reflect.deleteProperty(globalThis, 'runs');
  });
});

describe('relative paths', () => {
  it('in a file start from its directory', async () => {
    await mkdir(join(directory, 'etc'));
    await write(
      'etc/c.yaml',
      'registry: {binary: bin/registry, config: ../config.yml, tls: {ca: ca.pem}, live: {start: [./start, ./arg], stop: [docker, ./arg]}}\nstate: {directory: state}',
    );
    const { config } = await load({ configFile: 'etc/c.yaml' });
    expect(config.registry).toMatchObject({
      binary: join(directory, 'etc/bin/registry'),
      config: join(directory, 'config.yml'),
      tls: { ca: join(directory, 'etc/ca.pem') },
      live: { start: [join(directory, 'etc/start'), './arg'], stop: ['docker', './arg'] },
    });
    expect(config.state.directory).toBe(join(directory, 'etc/state'));
  });

  it('in environment and flags start from the working directory', async () => {
    await mkdir(join(directory, 'etc'));
    await write('etc/c.yaml', '# nothing');
    const { config } = await load({
      configFile: 'etc/c.yaml',
      env: { CLEANUP_REGISTRY_CONFIG: 'config.yml' },
      flags: { state: { directory: '../state' } },
    });
    expect(config.registry.config).toBe(join(directory, 'config.yml'));
    expect(config.state.directory).toBe(join(directory, '../state'));
  });

  it('leave a program without a slash to the PATH', async () => {
    const { config } = await load({ env: { CLEANUP_REGISTRY_BINARY: 'docker-registry' } });
    expect(config.registry.binary).toBe('docker-registry');
  });
});

describe('precedence', () => {
  it('is command line, environment, earlier names, file, default', async () => {
    const path = await write('cleanup.config.yaml', 'registry: {url: "http://file"}\ndryRun: false');
    const url = async (options: Partial<LoadOptions>) => {
      const { config, sources } = await load(options);
      return [config.registry.url, sources['registry.url']];
    };
    const env = { CLEANUP_REGISTRY_URL: 'http://ours', REGISTRY_URL: 'http://earlier' };
    expect(await url({})).toEqual(['http://file', `file ${path}`]);
    expect(await url({ env: { REGISTRY_URL: 'http://earlier' } })).toEqual([
      'http://earlier',
      'environment REGISTRY_URL',
    ]);
    expect(await url({ env })).toEqual(['http://ours', 'environment CLEANUP_REGISTRY_URL']);
    expect(await url({ env, flags: { registry: { url: 'http://flag' } } })).toEqual([
      'http://flag',
      'command line',
    ]);
  });

  it('holds key by key', async () => {
    await write('cleanup.config.yaml', 'registry: {auth: {username: u, password: from-file}}');
    const { config } = await load({ env: { CLEANUP_REGISTRY_AUTH_PASSWORD: 'from-env' } });
    expect(config.registry.auth).toEqual({ username: 'u', password: 'from-env' });
  });

  it('takes a value of several forms whole', async () => {
    await write('cleanup.config.yaml', 'registry: {live: {start: [a], stop: [b]}}');
    const { config } = await load({ env: { CLEANUP_REGISTRY_LIVE_UNIT: 'registry' } });
    expect(config.registry.live).toEqual({ unit: 'registry' });
  });

  it('lets a flag that is not given be', async () => {
    await write('cleanup.config.yaml', 'readonlyInstance: false');
    const { config } = await load({ flags: { readonlyInstance: undefined } });
    expect(config.readonlyInstance).toBe(false);
  });
});

describe('secrets', () => {
  it('are those of every place, overridden or not', async () => {
    await write('cleanup.config.yaml', 'registry: {auth: {username: u, password: from-file}}');
    const { secrets } = await load({ env: { CLEANUP_REGISTRY_AUTH_PASSWORD: 'from-env' } });
    expect(secrets).toEqual({
      values: ['from-file', 'from-env'],
      credentials: [{ username: 'u', password: 'from-env' }],
    });
  });

  it('leave the machine only verified: NODE_TLS_REJECT_UNAUTHORIZED=0 is refused', async () => {
    expect(await problems({ env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })).toEqual([
      expect.stringContaining('NODE_TLS_REJECT_UNAUTHORIZED: 0 accepts any certificate'),
    ]);
  });
});
