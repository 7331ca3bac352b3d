import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/config/duration.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { renderExample } from '../../../src/config/example.ts';
import { loadJson, loadYaml } from '../../../src/config/loaders.ts';
import { schemaProblems } from '../../../src/config/problems.ts';
import { schema } from '../../../src/config/schema.ts';
import { parseConfiguration } from '../../../src/registry/configuration.ts';
import { readonlyConfiguration, withoutStorage } from '../../../src/registry/configuration-readonly.ts';
import { ConfigurationError, readYaml } from '../../../src/registry/configuration-yaml.ts';
import { parseRedisAddress, redisSettings } from '../../../src/registry/redis-settings.ts';
import { damaged, fuzz } from '../../support/fuzz.ts';
import { configuration } from '../../support/registry-configuration.ts';

const secret = 'hunter2-hunter2';
const ours = {
  registry: {
    runtime: 'process',
    config: '/etc/docker/registry/config.yml',
    live: { start: ['a', 'b'], stop: ['c'] },
    auth: { username: 'u', password: secret },
  },
  untagged: { keepWithin: '1h30m', protect: [`sha256:${'0'.repeat(64)}`] },
  uploads: { keepWithin: '168h' },
  garbageCollect: { deleteUntagged: 'auto' },
};
const json = JSON.stringify(ours, null, 2);
const yaml = `registry:
  runtime: docker
  auth: { username: u, password: ${secret} }
untagged: &a
  keepWithin: 1h
  protect: [ "sha256:${'a'.repeat(64)}" ]
uploads:
  keepWithin: 7d # a week
`;

/** Throws nothing but an Error of one line, without what is secret. */
function read(load: () => unknown): unknown {
  try {
    return load();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(/^(?:is not valid (?:JSON|YAML)|has YAML aliases)[^\n]{0,300}$/);
    expect((error as Error).message).not.toContain('hunter2');
    return undefined;
  }
}

function judge(value: unknown): void {
  const problems = schemaProblems(value, () => 'file');
  for (const problem of problems) {
    expect(problem).toMatch(/^[^\n]+$/);
    expect(problem).not.toContain('hunter2');
  }
  if (value !== undefined && problems.length === 0) expect(() => schema.parse(value)).not.toThrow();
}

const doubled = [...'bcdefghij'].map((name, n) => `${name}: &${name} [${`*${'abcdefghi'[n]},`.repeat(9)}]`);
const hostileYaml: readonly (readonly [string, string])[] = [
  ['aliases that multiply', `a: &a [${'x,'.repeat(9)}]\n${doubled.join('\n')}\n`],
  ['nested lists', '['.repeat(20_000)],
  ['nested maps', `${'{a: '.repeat(5_000)}${'}'.repeat(5_000)}`],
  ['nested sequences', '- '.repeat(10_000)],
];

describe('our own configuration', () => {
  fuzz(
    'in JSON, damaged in any way, is told of in lines, without what is secret',
    { usual: 5_000 },
    damaged([json, '{}', '[]']),
    (bytes) => {
      judge(read(() => loadJson('', bytes.toString())));
    },
  );

  fuzz(
    'in YAML, too',
    { usual: 1_500, long: 60_000 },
    damaged([yaml, renderExample('yaml').replaceAll(/^( *)# /gm, '$1'), json]),
    (bytes) => {
      judge(read(() => loadYaml('', bytes.toString())));
    },
  );

  fuzz(
    'in variables, too',
    { usual: 2_000, long: 60_000 },
    fc.record({
      value: damaged(['1h', 'true', '{"start":["a"],"stop":["b"]}', 'a, b', `["${secret}"]`]),
      name: fc.constantFrom(
        'UNTAGGED_KEEP_WITHIN',
        'REGISTRY_LIVE',
        'UNTAGGED_PROTECT',
        'REGISTRY_AUTH_PASSWORD',
        'GARBAGE_COLLECT_DELETE_UNTAGGED',
        'REGISTRY_LIVE_START',
        'NO_SUCH',
      ),
    }),
    async ({ value, name }) => {
      const { tree, problems } = await readEnvironment(
        { [`CLEANUP_${name}`]: value.toString().replaceAll('\0', '') },
        '/',
      );
      for (const problem of [...problems, ...schemaProblems(tree, () => '')]) {
        expect(problem).toMatch(/^[^\n]+$/);
        expect(problem).not.toContain('hunter2');
      }
    },
  );

  fuzz(
    'a duration is whole milliseconds, or refused',
    { usual: 8_000 },
    damaged(['1h30m', '168h', '7d', '2w3d', '0s', '90s']),
    (bytes) => {
      const text = bytes.toString();
      try {
        const { ms } = parseDuration(text);
        expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
        expect(text).toMatch(/^(?:\d+[wdhms])+$/);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    },
  );

  it.each(hostileYaml)('of hostile YAML (%s) is refused or read, and no more than that', (_, text) => {
    judge(read(() => loadYaml('', text)));
  });
});

const configs = [
  JSON.stringify(configuration({ root: '/data', port: 5000, htpasswd: '/htpasswd', drainTimeout: '1m' })),
  `version: 0.1
log: { level: info, fields: { service: registry } }
storage:
  cache: { blobdescriptor: redis }
  filesystem: { rootdirectory: /var/lib/registry, maxthreads: 100 }
  maintenance: { uploadpurging: { enabled: true, age: 168h }, readonly: { enabled: false } }
  delete: { enabled: yes }
http: { addr: ":5000", prefix: /r/, headers: { X-Content-Type-Options: [nosniff] } }
redis: { addr: "redis:6379", password: ${secret}, db: 017 }
health: { storagedriver: { enabled: true, interval: 10s, threshold: 3 } }
`,
  'version: 0.1\nstorage: filesystem\nx: &x {a: 1}\ny: *x\n',
];

describe("a registry's configuration", () => {
  it.each<readonly [string, string]>([
    ...hostileYaml,
    ['many keys', Array.from({ length: 40_000 }, (_, n) => `k${n}: x`).join('\n')],
    ['many anchors', Array.from({ length: 10_000 }, (_, n) => `k${n}: &a${n} x`).join('\n')],
    ['many aliases', `a: &a x\n${'- *a\n'.repeat(10_000)}`],
  ])('of hostile YAML (%s) is refused or read, and no more than that', (_, text) => {
    try {
      readYaml(text);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
    }
  });

  fuzz(
    'damaged in any way is refused, or served from read-only, by no other driver, address or password file',
    { usual: 2_000, long: 80_000 },
    damaged(configs, 3),
    (bytes) => {
      const text = bytes.toString();
      try {
        const read = parseConfiguration(text, {});
        const written = readonlyConfiguration(text, read, '/root of the storage');
        const again = parseConfiguration(written, withoutStorage({}));
        expect(again).toMatchObject({
          driver: read.driver === 'filesystem' ? 'filesystem' : again.driver,
          readOnly: true,
          cache: 'none',
          http: read.http,
          auth: read.auth,
          proxy: read.proxy,
        });
        expect(again.storage.filesystem?.rootdirectory).toBe('/root of the storage');
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        expect(error.message).toMatch(/^[^\n]{1,2000}$/);
      }
    },
  );

  fuzz(
    'variables are applied as the registry would, or refused',
    { usual: 2_000, long: 60_000 },
    fc.record({
      value: damaged(['{rootdirectory: /x}', '/x', 'true', '{"readonly":{"enabled":true}}']),
      name: fc.constantFrom(
        'STORAGE',
        'STORAGE_FILESYSTEM',
        'STORAGE_FILESYSTEM_ROOTDIRECTORY',
        'STORAGE_MAINTENANCE_READONLY',
        'STORAGE_X_Y_Z_',
        'HTTP_ADDR',
        'HTTP',
        'AUTH',
        'REDIS_ADDR',
        'REDIS_ADDRS_1',
        'REDIS_OPTIONS_DB',
        '__',
        'HTTP___PROTO__',
        'STORAGE___PROTO___X',
      ),
    }),
    ({ value, name }) => {
      try {
        const read = parseConfiguration('version: 0.1\nstorage: filesystem\n', {
          [`REGISTRY_${name}`]: value.toString(),
        });
        expect(read.driver).not.toBe('');
        for (const major of [2, 3]) redisSettings(read.redis, major);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigurationError);
      }
      expect(({} as Record<string, unknown>).rootdirectory).toBeUndefined();
      expect(({} as Record<string, unknown>).x).toBeUndefined();
    },
  );

  fuzz(
    'an address of Redis is a host and a port, a path, or none',
    { usual: 5_000 },
    damaged(['redis:6379', '[::1]:6379', ':6379', '/run/redis.sock']),
    (bytes) => {
      const at = parseRedisAddress(bytes.toString());
      if (at !== undefined && 'port' in at)
        expect([at.port > 0 && at.port < 65_536, at.host !== '']).toEqual([true, true]);
    },
  );
});
