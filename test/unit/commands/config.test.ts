import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configInit, configShow, configValidate } from '../../../src/commands/config.ts';
import { type ExampleFormat, renderExample } from '../../../src/config/example.ts';
import { keys } from '../../../src/config/keys.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { schema } from '../../../src/config/schema.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cleanup-command-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

const formats: readonly ExampleFormat[] = ['yaml', 'ts'];

describe('config init', () => {
  it.each(formats)('writes a %s that means the defaults', async (format) => {
    const { text, exitCode } = await configInit({ cwd: directory, format });
    expect(exitCode).toBe(0);
    expect(text).toContain(join(directory, `cleanup.config.${format}`));
    const { config, sources } = await loadConfig({ cwd: directory, env: {} });
    expect(config).toEqual(schema.parse({}));
    expect(new Set(Object.values(sources))).toEqual(new Set(['default', 'not set']));
  });

  it.each(formats)('writes a %s that is valid with every line in force', async (format) => {
    const comment = format === 'yaml' ? '#' : '//';
    const names = keys.map((key) => key.name).join('|');
    const active = renderExample(format)
      .replaceAll(new RegExp(`^( *)${comment} ((?:${names}):)`, 'gm'), '$1$2')
      .replace(/password: *('')?/, "password: 'secret' ");
    await writeFile(join(directory, `cleanup.config.${format}`), active);
    await chmod(join(directory, `cleanup.config.${format}`), 0o644);
    const { sources } = await loadConfig({ cwd: directory, env: {} });
    expect(Object.values(sources).filter((source) => !source.startsWith('file '))).toEqual([]);
  });

  it.each(formats)(
    'describes in %s every key, with its variable, on lines that fit a page',
    async (format) => {
      const text = renderExample(format);
      for (const key of keys) expect(text).toContain(` ${key.environment}\n`);
      expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
    },
  );

  it('writes what it will load, whatever the umask', async () => {
    const before = process.umask(0o002);
    try {
      await configInit({ cwd: directory, format: 'ts' });
    } finally {
      process.umask(before);
    }
    expect((await stat(join(directory, 'cleanup.config.ts'))).mode & 0o777).toBe(0o644);
  });

  it.each(['cleanup.config.yaml', 'cleanup.config.json'])('leaves %s as it is', async (name) => {
    await writeFile(join(directory, name), '{}');
    await expect(configInit({ cwd: directory })).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    expect(await readFile(join(directory, name), 'utf8')).toBe('{}');
    expect(await readdir(directory)).toEqual([name]);
  });

  it('writes once when two do it at the same time', async () => {
    const outcomes = await Promise.allSettled([
      configInit({ cwd: directory }),
      configInit({ cwd: directory }),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'USAGE' } });
  });

  it('follows no link', async () => {
    await symlink(join(directory, 'elsewhere'), join(directory, 'cleanup.config.yaml'));
    await expect(configInit({ cwd: directory })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await readdir(directory)).toEqual(['cleanup.config.yaml']);
  });

  it('says when it cannot write', async () => {
    await expect(configInit({ cwd: join(directory, 'nowhere') })).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('ENOENT'),
    });
  });
});

describe('config validate', () => {
  it('says which file is valid, and its warnings', async () => {
    const file = join(directory, 'cleanup.config.yaml');
    await writeFile(file, 'registry: {tls: {insecure: true}}');
    const { text, exitCode } = await configValidate({ cwd: directory, env: {} });
    expect(exitCode).toBe(0);
    expect(text).toMatch(`${file} is valid.\nwarning: registry.tls.insecure: `);
  });

  it('ends with exit code 2 and every problem', async () => {
    await writeFile(join(directory, 'cleanup.config.yaml'), 'untaged: {}\ndamage: go');
    await expect(configValidate({ cwd: directory, env: {} })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      exitCode: 2,
      details: [expect.stringContaining('damage'), expect.stringContaining('untaged')],
    });
  });
});

describe('config show', () => {
  const env = {
    CLEANUP_REGISTRY_AUTH_PASSWORD: 'hunter2-canary',
    CLEANUP_REGISTRY_AUTH_USERNAME: 'hunter2-canary-bob',
    CLEANUP_REGISTRY_LIVE_START: '["sh", "-c", "TOKEN=hunter2-canary start"]',
    CLEANUP_REGISTRY_LIVE_STOP: 'true',
    CLEANUP_UNTAGGED_KEEP_WITHIN: '90m',
  };

  it('prints YAML with the source of every value, secrets masked', async () => {
    const file = join(directory, 'cleanup.config.yaml');
    await writeFile(file, 'uploads: {keepWithin: 2w}');
    const { text, exitCode } = await configShow({ cwd: directory, env, flags: { dryRun: true } });
    expect(exitCode).toBe(0);
    expect(text).not.toContain('hunter2-canary');
    const lines = text.split('\n').map((line) => line.trim());
    expect(lines).toContain('keepWithin: 90m  # environment CLEANUP_UNTAGGED_KEEP_WITHIN');
    expect(lines).toContain(`keepWithin: 2w  # file ${file}`);
    expect(lines).toContain('dryRun: true  # command line');
    expect(lines).toContain('rehearse: true  # default');
    expect(lines).toContain('# url: not set');
    expect(lines).toContain('password: "***"  # environment CLEANUP_REGISTRY_AUTH_PASSWORD');
  });

  it.each([false, true])('masks a password that is too short to be looked for (json: %s)', async (json) => {
    const auth = { username: 'u', password: 'qZ7' };
    const { text } = await configShow({ cwd: directory, env: {}, flags: { registry: { auth } }, json });
    expect(text).not.toContain('qZ7');
  });

  it('prints what can be loaded again', async () => {
    const first = await configShow({ cwd: directory, env: { CLEANUP_UNTAGGED_KEEP_WITHIN: '90m' } });
    await writeFile(join(directory, 'again.yaml'), first.text);
    const { config } = await loadConfig({ cwd: directory, env: {}, configFile: 'again.yaml' });
    expect(config.untagged.keepWithin.text).toBe('90m');
  });

  it('prints the same as JSON, secrets masked', async () => {
    const { text } = await configShow({ cwd: directory, env, json: true });
    expect(text).not.toContain('hunter2-canary');
    const document = JSON.parse(text);
    expect(document).toMatchObject({
      version: 1,
      file: null,
      config: { registry: { auth: { password: '***' } }, untagged: { keepWithin: '90m', protect: [] } },
      warnings: [],
    });
    expect(document.sources['registry.auth.password']).toBe('environment CLEANUP_REGISTRY_AUTH_PASSWORD');
    expect(Object.keys(document.sources)).toEqual(keys.map((key) => key.path));
    const yaml = parse((await configShow({ cwd: directory, env })).text);
    expect(document.config.registry).toEqual(yaml.registry);
  });
});

describe('the worked example', () => {
  it('is valid and changes no default but says them', async () => {
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    // A clone may be group-writable, as some umasks want it; a copy is not.
    await writeFile(
      join(directory, 'cleanup.config.ts'),
      await readFile(join(root, 'cleanup.config.ts'), 'utf8'),
      { mode: 0o644 },
    );
    const { config } = await loadConfig({ cwd: directory, env: {} });
    expect(config).toEqual(schema.parse({ registry: { runtime: 'process' } }));
  });
});
