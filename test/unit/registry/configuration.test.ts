import { expect, test } from 'vitest';
import { parseConfiguration } from '../../../src/registry/configuration.ts';
import { ConfigurationError } from '../../../src/registry/configuration-yaml.ts';

const plain = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\n';

function root(yaml: string, env: Record<string, string> = {}): string {
  return parseConfiguration(yaml, env).rootDirectory;
}

test('reads what concerns a cleaner', () => {
  const yaml = `
version: 0.1
log: {level: debug}
storage:
  filesystem:
    rootdirectory: /data
  cache:
    blobdescriptor: inmemory
  maintenance:
    readonly:
      enabled: yes
http:
  addr: :5000
  prefix: /registry/
  draintimeout: 1m30s
  tls: {certificate: /tls/cert.pem, key: /tls/key.pem}
auth:
  htpasswd: {realm: r, path: /htpasswd}
proxy:
  remoteurl: https://registry-1.docker.io
future: {kept: [1, 2]}
`;
  expect(parseConfiguration(yaml, {})).toMatchObject({
    driver: 'filesystem',
    rootDirectory: '/data',
    http: { addr: ':5000', net: 'tcp', prefix: '/registry/', drainMs: 90_000, tls: true },
    auth: 'htpasswd',
    cache: 'inmemory',
    proxy: 'https://registry-1.docker.io',
    readOnly: true,
  });
});

test("falls back to the registry's own defaults", () => {
  expect(parseConfiguration('version: 0.1\nstorage: filesystem\n', {})).toMatchObject({
    rootDirectory: '/var/lib/registry',
    http: { addr: '', net: 'tcp', prefix: '', drainMs: 0, tls: false },
    auth: 'none',
    cache: 'none',
    proxy: undefined,
    readOnly: false,
  });
});

test('applies variables after the file, parents before children', () => {
  expect(root(plain, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/env' })).toBe('/env');
  expect(root(plain, { REGISTRY_STORAGE_FILESYSTEM: '{rootdirectory: /env}' })).toBe('/env');
  const both = {
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/child',
    REGISTRY_STORAGE: '{filesystem: {rootdirectory: /parent}}',
  };
  expect(root(plain, both)).toBe('/child');
  expect(root('version: 0.1\nstorage: {}\n', { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/env' })).toBe(
    '/env',
  );
});

test('leaves variables of other names alone', () => {
  const env = {
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORIES: '/env',
    REGISTRY_STORAGES_FILESYSTEM_ROOTDIRECTORY: '/env',
    registry_storage_filesystem_rootdirectory: '/env',
  };
  expect(root(plain, env)).toBe('/data');
});

test('ignores a variable below a map of the file, as the registry does, and not below one of another variable', () => {
  const readonly = (enabled: boolean) =>
    `version: 0.1\nstorage: {inmemory: {}, maintenance: {readonly: {enabled: ${enabled}}}}\n`;
  const env = { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' };
  expect(parseConfiguration(readonly(false), env).readOnly).toBe(false);
  expect(parseConfiguration('version: 0.1\nstorage: {inmemory: {}}\n', env).readOnly).toBe(true);
  const whole = { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{enabled: true}' };
  expect(parseConfiguration(readonly(false), whole).readOnly).toBe(true);
});

test('takes texts of typed sections as they are written', () => {
  const http = (env: Record<string, string>) =>
    parseConfiguration(`${plain}http: {addr: ":5000", net: tcp, debug: {addr: ":5001"}}\n`, env).http;
  expect(http({}).addr).toBe(':5000');
  expect(http({ REGISTRY_HTTP_ADDR: ':5010' }).addr).toBe(':5010');
  expect(http({ REGISTRY_HTTP_ADDR: '' }).addr).toBe('');
  expect(http({ REGISTRY_HTTP: '{addr: ":5020"}', REGISTRY_HTTP_NET: 'unix' })).toMatchObject({
    addr: ':5020',
    net: 'unix',
  });
  expect(http({ REGISTRY_HTTP_TLS: '{certificate: /c}' }).tls).toBe(true);
  expect(http({ REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE: '/c' }).tls).toBe(true);
  expect(http({ REGISTRY_HTTP_DEBUG_ADDR: ':6000' }).addr).toBe(':5000');
  expect(parseConfiguration(plain, { REGISTRY_PROXY_REMOTEURL: 'https://hub' }).proxy).toBe('https://hub');
});

test.each([
  ['', 0],
  ['0', 0],
  ['1500ms', 1_500],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['1000000000', 1_000],
])('reads the duration %j as %d ms', (text, expected) => {
  expect(parseConfiguration(`${plain}http: {draintimeout: "${text}"}\n`, {}).http.drainMs).toBe(expected);
});

test.each([
  ['{}', 'none'],
  ['none', 'none'],
  ['{htpasswd: {}}', 'htpasswd'],
  ['{token: {}}', 'token'],
  ['{silly: {}}', 'other'],
] as const)('auth: %s is %s', (auth, expected) => {
  expect(parseConfiguration(`${plain}auth: ${auth}\n`, {}).auth).toBe(expected);
});

test.each([
  ['{}', 'none'],
  ['{blobdescriptor: inmemory}', 'inmemory'],
  ['{layerinfo: redis}', 'redis'],
  ['{blobdescriptor: redis, layerinfo: inmemory}', 'redis'],
  ['{blobdescriptor: memcached}', 'other'],
] as const)('cache: %s is %s', (cache, expected) => {
  expect(parseConfiguration(`version: 0.1\nstorage: {inmemory: {}, cache: ${cache}}\n`, {}).cache).toBe(
    expected,
  );
});

test('resolves merge keys and aliases', () => {
  expect(
    root(
      'version: 0.1\nbase: &base {rootdirectory: /merged}\nstorage: {filesystem: {<<: *base, maxthreads: 10}}\n',
    ),
  ).toBe('/merged');
});

test.each([
  ['nothing', '', {}, 'not a map'],
  ['a list', '- 1\n', {}, 'not a map'],
  ['broken YAML', 'version: [', {}, ''],
  ['another version', 'version: 0.10\nstorage: inmemory\n', {}, 'version is "0.10", not 0.1'],
  ['no version', 'storage: inmemory\n', {}, 'not 0.1'],
  ['no driver', 'version: 0.1\nstorage: {cache: {}}\n', {}, 'no driver'],
  ['two drivers by environment', plain, { REGISTRY_STORAGE_S3_BUCKET: 'b' }, '2 drivers (filesystem, s3)'],
  ['an empty root', plain, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '' }, 'rootdirectory is empty'],
  ['two kinds of auth', `${plain}auth: {htpasswd: {}, token: {}}\n`, {}, 'auth names 2 kinds'],
  ['a variable that is no YAML', plain, { REGISTRY_STORAGE_FILESYSTEM: '{' }, 'REGISTRY_STORAGE_FILESYSTEM'],
  [
    'a variable that is no map',
    plain,
    { REGISTRY_STORAGE_FILESYSTEM: '/env' },
    'REGISTRY_STORAGE_FILESYSTEM is not a map',
  ],
  ['an address that is a map', `${plain}http: {addr: {a: 1}}\n`, {}, 'http.addr is not a text'],
  [
    'a duration that is none',
    `${plain}http: {draintimeout: 5}\n`.replace('5}', '5 minutes}'),
    {},
    '"5 minutes", not a duration',
  ],
  ['duplicate keys', `${plain}storage: inmemory\n`, {}, 'unique'],
  ['a file of more than 1 MiB', `${plain}#${'x'.repeat(1024 * 1024)}\n`, {}, '1 MiB'],
])('refuses %s', (_what, yaml, env, message) => {
  expect(() => parseConfiguration(yaml, env)).toThrow(ConfigurationError);
  expect(() => parseConfiguration(yaml, env)).toThrow(message);
});

test('refuses an alias bomb, and an alias of itself', () => {
  const levels = Array.from(
    { length: 12 },
    (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]`,
  );
  const bomb = ['version: 0.1', 'l0: &l0 [x]', ...levels, 'storage: inmemory'].join('\n');
  const before = performance.now();
  expect(() => parseConfiguration(bomb, {})).toThrow(ConfigurationError);
  expect(performance.now() - before).toBeLessThan(5_000);
  expect(() => parseConfiguration('version: 0.1\nstorage: &s {inmemory: *s}\n', {})).toThrow(
    ConfigurationError,
  );
});
