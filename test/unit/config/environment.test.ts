import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../src/config/environment.ts';
import { keys } from '../../../src/config/keys.ts';
import type { Environment } from '../../../src/config/layer.ts';
import { schema } from '../../../src/config/schema.ts';
import { valueAt } from '../../../src/config/tree.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cleanup-environment-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function read(environment: Environment) {
  return readEnvironment(environment, directory);
}

const digest = `sha256:${'a'.repeat(64)}`;

/** For every key a text that a variable may hold, and what the schema makes of it. */
const examples: Readonly<Record<string, readonly [text: string, value: unknown]>> = {
  'registry.runtime': ['process', 'process'],
  'registry.binary': ['docker-registry', 'docker-registry'],
  'registry.container': ['registry', 'registry'],
  'registry.config': ['/config.yml', '/config.yml'],
  'registry.live': ['stopped', 'stopped'],
  'registry.url': ['http://x', 'http://x'],
  'registry.auth.username': ['u', 'u'],
  'registry.auth.password': ['p,[{}]', 'p,[{}]'],
  'registry.tls.ca': ['/ca.pem', '/ca.pem'],
  'registry.tls.insecure': ['true', true],
  'registry.stopTimeout': ['5s', { ms: 5_000, text: '5s' }],
  'registry.startTimeout': ['5s', { ms: 5_000, text: '5s' }],
  'registry.drain.timeout': ['5s', { ms: 5_000, text: '5s' }],
  'registry.drain.quiet': ['5s', { ms: 5_000, text: '5s' }],
  'untagged.keepWithin': ['0s', { ms: 0, text: '0s' }],
  'untagged.protect': [digest, [digest]],
  'uploads.keepWithin': ['7d', { ms: 604_800_000, text: '7d' }],
  'repositories.removeEmpty': ['1', true],
  retention: ['[]', []],
  collector: ['native', 'native'],
  'garbageCollect.deleteUntagged': ['false', false],
  'garbageCollect.rehearse': ['no', false],
  damage: ['isolate', 'isolate'],
  readonlyInstance: ['off', false],
  'lock.wait': ['5m', { ms: 300_000, text: '5m' }],
  'state.directory': ['/state', '/state'],
  'limits.maxDuration': ['2h', { ms: 7_200_000, text: '2h' }],
  'limits.window': ['01:00-05:00', { from: 60, to: 300, text: '01:00-05:00' }],
  'limits.timeZone': ['Europe/Berlin', 'Europe/Berlin'],
  'unsafe.allowNoTags': ['YES', true],
  dryRun: ['True', true],
};

describe('the environment', () => {
  it.each(keys.map((key) => [key.environment, key.path]))('sets by %s the key %s', async (name, path) => {
    const [text, value] = examples[path]!;
    const { tree, sourceOf, problems } = await read({ [name]: text });
    expect(problems).toEqual([]);
    expect(valueAt(schema.parse(tree), path)).toEqual(value);
    expect(sourceOf(path)).toBe(`environment ${name}`);
  });

  it.each(keys.map((key) => [`${key.environment}_FILE`, key.path]))(
    'sets by %s the key %s',
    async (name, path) => {
      const [text, value] = examples[path]!;
      await writeFile(join(directory, 'value'), `${text}\n`);
      const { tree, sourceOf, problems } = await read({ [name]: 'value' });
      expect(problems).toEqual([]);
      expect(valueAt(schema.parse(tree), path)).toEqual(value);
      expect(sourceOf(path)).toBe(`environment ${name}`);
    },
  );

  it('is left alone where it is not ours', async () => {
    const { tree, problems } = await read({ PATH: '/bin', REGISTRY_HTTP_ADDR: ':5000', cleanup_damage: 'x' });
    expect(tree).toEqual({});
    expect(problems).toEqual([]);
  });

  it('counts as unset where it is empty', async () => {
    const { tree, problems } = await read({ CLEANUP_REGISTRY_URL: '', CLEANUP_UNTAGGED_PROTECT_FILE: '' });
    expect(tree).toEqual({});
    expect(problems).toEqual([]);
  });

  it.each([
    ['CLEANUP_UNTAGED_KEEP_WITHIN', '; did you mean "CLEANUP_UNTAGGED_KEEP_WITHIN"?'],
    ['CLEANUP_CONFIG_FILE', '; did you mean "CLEANUP_CONFIG"?'],
    ['CLEANUP_REGISTRY_AUTH_PASSWORD_FIL', '; did you mean "CLEANUP_REGISTRY_AUTH_PASSWORD_FILE"?'],
    ['CLEANUP___PROTO__', ''],
    ['CLEANUP_', ''],
  ])('with %s is refused, the value unsaid', async (name, hint) => {
    const { problems } = await read({ [name]: 'hunter2' });
    expect(problems).toEqual([`${name}: is not a variable${hint} (environment)`]);
  });

  it('may hold CLEANUP_CONFIG, which is no key', async () => {
    expect((await read({ CLEANUP_CONFIG: 'x.yaml' })).problems).toEqual([]);
  });
});

describe('lists', () => {
  it.each([
    ['a,b', ['a', 'b']],
    [' a , b ,', ['a', 'b']],
    ['["a", "b,c"]', ['a', 'b,c']],
    [' []', []],
  ])('are read from %j', async (text, list) => {
    const { tree } = await read({ CLEANUP_UNTAGGED_PROTECT: text });
    expect(tree).toEqual({ untagged: { protect: list } });
  });

  it('that are broken JSON are refused', async () => {
    const { problems } = await read({ CLEANUP_UNTAGGED_PROTECT: '["a"' });
    expect(problems).toEqual(['untagged.protect: is not valid JSON (environment CLEANUP_UNTAGGED_PROTECT)']);
  });
});

describe('the live registry', () => {
  it.each<[Environment, unknown]>([
    [{ CLEANUP_REGISTRY_LIVE: '{"unit": "x"}' }, { unit: 'x' }],
    [{ CLEANUP_REGISTRY_LIVE_UNIT: 'x' }, { unit: 'x' }],
    [
      { CLEANUP_REGISTRY_LIVE_START: 'svc,start', CLEANUP_REGISTRY_LIVE_STOP: '["svc", "stop"]' },
      { start: ['svc', 'start'], stop: ['svc', 'stop'] },
    ],
  ])('is read from %j', async (environment, live) => {
    const { tree, problems } = await read(environment);
    expect(problems).toEqual([]);
    expect(schema.parse(tree).registry.live).toEqual(live);
  });

  it('is not told twice', async () => {
    const { problems } = await read({ CLEANUP_REGISTRY_LIVE: 'stopped', CLEANUP_REGISTRY_LIVE_UNIT: 'x' });
    expect(problems).toEqual([
      'registry.live.unit: CLEANUP_REGISTRY_LIVE is set too: keep one of them (environment CLEANUP_REGISTRY_LIVE_UNIT)',
    ]);
  });

  it('tells where all of its parts come from', async () => {
    const { sourceOf } = await read({ CLEANUP_REGISTRY_LIVE_START: 'a', CLEANUP_REGISTRY_LIVE_STOP: 'b' });
    expect(sourceOf('registry.live')).toBe(
      'environment CLEANUP_REGISTRY_LIVE_START, environment CLEANUP_REGISTRY_LIVE_STOP',
    );
  });
});

describe('a value in a file', () => {
  const password = async (content: string | Uint8Array) => {
    await writeFile(join(directory, 'secret'), content);
    return read({ CLEANUP_REGISTRY_AUTH_PASSWORD_FILE: join(directory, 'secret') });
  };

  it.each([
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2\n\n', 'hunter2\n'],
    [' hunter2 ', ' hunter2 '],
    ['', ''],
  ])('loses exactly one newline at its end (%j)', async (content, value) => {
    expect((await password(content)).tree).toEqual({ registry: { auth: { password: value } } });
  });

  it('is not set beside the value itself', async () => {
    const { problems } = await read({
      CLEANUP_REGISTRY_AUTH_PASSWORD: 'hunter2',
      CLEANUP_REGISTRY_AUTH_PASSWORD_FILE: '/nowhere',
    });
    expect(problems).toEqual([
      'registry.auth.password: CLEANUP_REGISTRY_AUTH_PASSWORD_FILE is set too: keep one of them (environment CLEANUP_REGISTRY_AUTH_PASSWORD)',
    ]);
  });

  it('must be there', async () => {
    const { problems } = await read({ CLEANUP_REGISTRY_AUTH_PASSWORD_FILE: 'nowhere' });
    expect(problems).toEqual([expect.stringMatching(/^registry\.auth\.password: cannot be read: ENOENT/)]);
  });

  it('is not a directory', async () => {
    const { problems } = await read({ CLEANUP_REGISTRY_AUTH_PASSWORD_FILE: '.' });
    expect(problems).toEqual([expect.stringContaining('EISDIR')]);
  });

  it('is text', async () => {
    const { problems } = await password(Uint8Array.of(0x68, 0xff, 0xfe));
    expect(problems).toEqual([expect.stringContaining('registry.auth.password: cannot be read from')]);
  });

  it('ends', async () => {
    const { problems } = await read({ CLEANUP_REGISTRY_AUTH_PASSWORD_FILE: '/dev/zero' });
    expect(problems).toEqual([expect.stringContaining('is longer than 1 MiB')]);
  });
});
