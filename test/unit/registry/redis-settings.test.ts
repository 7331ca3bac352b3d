import { expect, test } from 'vitest';
import { parseConfiguration } from '../../../src/registry/configuration.ts';
import { ConfigurationError } from '../../../src/registry/configuration-yaml.ts';
import { parseRedisAddress, redisSettings } from '../../../src/registry/redis-settings.ts';

function settings(redis: string, major = 2, env: Record<string, string> = {}) {
  const text = `version: 0.1\nstorage: {inmemory: {}, cache: {blobdescriptor: redis}}\nredis: ${redis}\n`;
  return redisSettings(parseConfiguration(text, env).redis, major);
}

test('reads what registry 2 has', () => {
  expect(settings('{addr: "redis:6379"}')).toEqual({
    address: 'redis:6379',
    at: { host: 'redis', port: 6379 },
    username: undefined,
    password: undefined,
    db: 0,
    tls: undefined,
  });
  const more = '{addr: "redis:6379", password: 0123, db: 0x10, dialtimeout: 10ms, pool: {maxidle: 16}}';
  expect(settings(more)).toMatchObject({ password: '0123', db: 16 });
});

test('does not take for a user or for TLS what registry 2 does not know', () => {
  const text = '{addr: "redis:6379", username: u, tls: {certificate: /c, key: /k}, addrs: [other:1]}';
  expect(settings(text)).toMatchObject({ address: 'redis:6379', username: undefined, tls: undefined });
});

test('reads what registry 3 has', () => {
  const text = `{addrs: ["redis:6379"], addr: "old:1", username: u, password: p, db: 2, poolsize: 64,
    tls: {certificate: /c, key: /k, rootcas: [/a, /b]}}`;
  expect(settings(text, 3)).toEqual({
    address: 'redis:6379',
    at: { host: 'redis', port: 6379 },
    username: 'u',
    password: 'p',
    db: 2,
    tls: { certificate: '/c', key: '/k', rootCas: ['/a', '/b'] },
  });
  expect(settings('{addrs: [/run/redis.sock]}', 3).at).toEqual({ path: '/run/redis.sock' });
});

test.each([
  ['{}', undefined],
  ['{clientcas: [/a]}', undefined],
  ['{rootcas: [/a]}', { certificate: undefined, key: undefined, rootCas: ['/a'] }],
  ['{certificate: /c, key: /k, clientcas: [/a]}', { certificate: '/c', key: '/k', rootCas: ['/a'] }],
])('registry 3 with tls: %s', (tls, expected) => {
  expect(settings(`{addrs: ["redis:6379"], tls: ${tls}}`, 3).tls).toEqual(expected);
});

test('takes nothing, and null, for not set', () => {
  expect(settings('{addr: "redis:6379", password: , db: ~}')).toMatchObject({ password: undefined, db: 0 });
  expect(settings('{addr: "redis:6379", password: null}').password).toBeUndefined();
});

test('applies variables after the file, parents before children', () => {
  const env = { REGISTRY_REDIS_ADDR: 'env:1', REGISTRY_REDIS_PASSWORD: '0123', REGISTRY_REDIS_DB: '7' };
  expect(settings('{addr: "file:1", password: file}', 2, env)).toMatchObject({
    address: 'env:1',
    password: '0123',
    db: 7,
  });
  const whole = { REGISTRY_REDIS: '{addr: "env:1"}', REGISTRY_REDIS_DB: '7' };
  expect(settings('{addr: "file:1", password: file, db: 1}', 2, whole)).toMatchObject({
    address: 'env:1',
    password: undefined,
    db: 7,
  });
  expect(settings('', 2, env).address).toBe('env:1');
});

test('applies the variables of registry 3, those of its inner struct too', () => {
  const list = { REGISTRY_REDIS_ADDRS: '["env:1"]', REGISTRY_REDIS_TLS_ROOTCAS: '[/a]' };
  expect(settings('{addrs: ["file:1"], db: 1}', 3, list)).toMatchObject({
    address: 'env:1',
    db: 1,
    tls: { rootCas: ['/a'] },
  });
  expect(settings('{addrs: ["file:1"]}', 3, { REGISTRY_REDIS_ADDRS_0: 'env:1' }).address).toBe('env:1');
  expect(settings('{}', 3, { REGISTRY_REDIS_ADDRS_0: 'env:1' }).address).toBe('env:1');
  expect(settings('{addrs: ["file:1"]}', 3, { REGISTRY_REDIS_OPTIONS_DB: '4' }).db).toBe(4);
  const inner = { REGISTRY_REDIS_OPTIONS: '{addrs: ["env:1"]}' };
  expect(settings('{addrs: ["file:1"], db: 1, tls: {rootcas: [/a]}}', 3, inner)).toMatchObject({
    address: 'env:1',
    db: 0,
    tls: { rootCas: ['/a'] },
  });
  const tls = { REGISTRY_REDIS_TLS: '{certificate: /c, key: /k}' };
  expect(settings('{addrs: ["file:1"], tls: {rootcas: [/a]}}', 3, tls).tls?.rootCas).toEqual([]);
});

test('leaves the variables of a service called registry-redis alone', () => {
  const env = {
    REGISTRY_REDIS_PORT: 'tcp://10.0.0.1:6379',
    REGISTRY_REDIS_PORT_6379_TCP: 'tcp://10.0.0.1:6379',
    REGISTRY_REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
    REGISTRY_REDIS_SERVICE_HOST: '10.0.0.1',
    REGISTRY_REDIS_NAME: '{not yaml',
    REGISTRY_REDISADDR: 'x:1',
  };
  for (const major of [2, 3]) {
    expect(settings('{addr: "file:1", addrs: ["file:1"]}', major, env).address).toBe('file:1');
  }
});

test.each([
  ['127.0.0.1:6379', { host: '127.0.0.1', port: 6379 }],
  ['redis.example.org:1', { host: 'redis.example.org', port: 1 }],
  [':6379', { host: 'localhost', port: 6379 }],
  ['[::1]:6379', { host: '::1', port: 6379 }],
  ['[fe80::1%eth0]:6379', { host: 'fe80::1%eth0', port: 6379 }],
  ['/run/redis.sock', { path: '/run/redis.sock' }],
  ['redis', undefined],
  ['redis:', undefined],
  ['redis:redis', undefined],
  ['redis:0', undefined],
  ['redis:65536', undefined],
  ['::1:6379', undefined],
  ['[]:6379', undefined],
  ['redis://redis:6379', undefined],
])('takes the address %s apart', (address, expected) => {
  expect(parseRedisAddress(address)).toEqual(expected);
});

test.each([
  ['no address', '{}', 2, {}, 'redis.addr is not set'],
  ['an address of the other version', '{addr: "redis:6379"}', 3, {}, 'redis.addrs is not set'],
  ['an empty list', '{addrs: []}', 3, {}, 'redis.addrs is not set'],
  ['an address without a port', '{addr: redis}', 2, {}, 'redis.addr is "redis", not HOST:PORT'],
  ['a socket in registry 2', '{addr: /run/redis.sock}', 2, {}, 'not HOST:PORT'],
  ['Sentinel', '{addrs: ["s:26379"], mastername: m}', 3, {}, 'Redis Sentinel is not supported'],
  ['a cluster', '{addrs: ["a:1", "b:1"]}', 3, {}, 'a Redis cluster is not supported'],
  ['a text for a list', '{addrs: "a:1"}', 3, {}, 'addrs is not a list of texts'],
  ['a list of maps', '{addrs: [{a: 1}]}', 3, {}, 'addrs is not a list of texts'],
  ['a map for a text', '{addr: {a: 1}}', 2, {}, 'addr is not a text'],
  ['a database by name', '{addr: "a:1", db: cache}', 2, {}, 'redis.db is "cache"'],
  ['a negative database', '{addr: "a:1", db: -1}', 2, {}, 'redis.db is "-1"'],
  ['no map', '[a]', 2, {}, 'redis is not a map'],
  ['a variable that is no map', '{}', 2, { REGISTRY_REDIS: 'a:1' }, 'REGISTRY_REDIS is not a map'],
  ['a gap in a list', '{}', 3, { REGISTRY_REDIS_ADDRS_1: 'a:1' }, 'REGISTRY_REDIS_ADDRS_1 leaves a gap'],
])('refuses %s', (_what, redis, major, env, message) => {
  expect(() => settings(redis, major, env)).toThrow(ConfigurationError);
  expect(() => settings(redis, major, env)).toThrow(message);
});

test('does not tell the password of a variable that is no YAML', () => {
  const env = { REGISTRY_REDIS_PASSWORD: '"sesame' };
  expect(() => settings('{addr: "a:1"}', 2, env)).toThrow('REGISTRY_REDIS_PASSWORD is not valid YAML');
});
