import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CleanupError } from '../../src/errors.ts';
import { openRedisCache, type RedisAccess } from '../../src/registry/redis-cache.ts';
import type { RedisSettings } from '../../src/registry/redis-settings.ts';
import { flushByHand } from '../../src/runtime/flush-by-hand.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { freePort } from '../support/registry.ts';

const sha = (i: number) => `sha256:${i.toString(16).padStart(64, '0')}`;

/** What a registry keeps there, and what it could be mistaken for. */
const cacheKeys = [
  `blobs::${sha(1)}`,
  `blobs::sha512:${'a'.repeat(128)}`,
  'repository::team/app::blobs',
  `repository::team/app::blobs::${sha(1)}`,
].sort();
const foreignKeys = [
  'blobs:other',
  'blobs::mine',
  'repository::x',
  'repository::x::blobs-of-mine',
  `my:blobs::${sha(1)}`,
  'plain',
].sort();

function settingsOf(redis: TestRedis, more: Partial<RedisSettings> = {}): RedisSettings {
  const at = { host: '127.0.0.1', port: redis.port };
  const none = { username: undefined, password: undefined, tls: undefined };
  return { address: redis.address, at, db: 0, ...none, ...more };
}

async function check(settings: RedisSettings, access?: RedisAccess): Promise<void> {
  const cache = await openRedisCache(settings, access);
  try {
    await cache.check();
  } finally {
    cache.close();
  }
}

async function flush(settings: RedisSettings, access?: RedisAccess): Promise<number> {
  const cache = await openRedisCache(settings, access);
  try {
    return (await cache.flush()).keys;
  } finally {
    cache.close();
  }
}

async function failureOf(work: Promise<unknown>): Promise<CleanupError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof CleanupError && thrown.code === 'REDIS_FAILED') return thrown;
  throw new Error('that should have failed with REDIS_FAILED', { cause: thrown });
}

function fill(redis: TestRedis, db: number): void {
  for (const key of [...cacheKeys, ...foreignKeys]) redis.cli('-n', String(db), 'SET', key, 'x');
}

describe('a flush', () => {
  test("removes the registry's keys from its database, and no others, as often as it is asked to", async () => {
    await using redis = await startRedis({ password: 'sesame' });
    for (const db of [0, 3]) fill(redis, db);
    const settings = settingsOf(redis, { password: 'sesame', db: 3 });
    await check(settings);
    expect(redis.keys(3)).toEqual([...cacheKeys, ...foreignKeys].sort());
    expect(await flush(settings)).toBe(cacheKeys.length);
    expect(redis.keys(3)).toEqual(foreignKeys);
    expect(redis.keys(0)).toEqual([...cacheKeys, ...foreignKeys].sort());
    expect(await flush(settings)).toBe(0);
    expect(redis.keys(3)).toEqual(foreignKeys);
  });

  test('finds every one of 100,000 keys among as many others', async () => {
    await using redis = await startRedis();
    const plant = `for i = 1, 50000 do
        local d = string.format('sha256:%064x', i)
        redis.call('HSET', 'blobs::' .. d, 'digest', d, 'size', i)
        redis.call('HSET', 'repository::team/app' .. i % 10 .. '::blobs::' .. d, 'mediatype', 'x')
        redis.call('SADD', 'repository::team/app' .. i % 10 .. '::blobs', d)
        redis.call('SET', 'repository::' .. i, 'x')
        redis.call('SET', 'session:' .. i, 'x')
      end`;
    redis.cli('EVAL', plant, '0');
    expect(await flush(settingsOf(redis))).toBe(100_010);
    expect(redis.cli('DBSIZE')).toBe('100000');
  });

  test('ends where it is interrupted', async () => {
    await using redis = await startRedis();
    fill(redis, 0);
    const cache = await openRedisCache(settingsOf(redis));
    await expect(cache.flush(AbortSignal.abort(new Error('Ctrl-C')))).rejects.toThrow('Ctrl-C');
    cache.close();
    expect(redis.keys()).toEqual([...cacheKeys, ...foreignKeys].sort());
  });
});

describe('what a user may', () => {
  const rights = ['+ping', '+select', '+hset', '+hget', '+hmget', '+hdel', '+sadd', '+sismember'];
  const keys = ['~blobs::*', '~repository::*'];

  test('a user with the rights of a registry, SCAN and UNLINK is enough', async () => {
    await using redis = await startRedis();
    redis.cli('ACL', 'SETUSER', 'cleaner', 'on', '>sesame', ...keys, '-@all', ...rights, '+scan', '+unlink');
    fill(redis, 1);
    const settings = settingsOf(redis, { username: 'cleaner', password: 'sesame', db: 1 });
    await check(settings);
    expect(await flush(settings)).toBe(cacheKeys.length);
    expect(redis.keys(1)).toEqual(foreignKeys);
  });

  test('where UNLINK is not allowed, DEL does', async () => {
    await using redis = await startRedis();
    redis.cli('ACL', 'SETUSER', 'default', '-unlink');
    fill(redis, 0);
    await check(settingsOf(redis));
    expect(await flush(settingsOf(redis))).toBe(cacheKeys.length);
  });

  test('an old server has no UNLINK: DEL does', async () => {
    await using redis = await startRedis({ args: ['--rename-command', 'UNLINK', ''] });
    fill(redis, 0);
    expect(await flush(settingsOf(redis))).toBe(cacheKeys.length);
    expect(redis.keys()).toEqual(foreignKeys);
  });

  test.each([
    ['SCAN', [...keys, '+unlink', '+del'], "'scan'"],
    ['UNLINK and DEL', [...keys, '+scan'], "'del'"],
    ['its keys', ['~blobs::*', '+scan', '+unlink', '+del'], 'key'],
    ['PING', [...keys, '-ping', '+scan', '+unlink'], "'ping'"],
  ])('a user without %s is told so before anything is removed', async (_what, more, expected) => {
    await using redis = await startRedis();
    redis.cli('ACL', 'SETUSER', 'cleaner', 'on', '>sesame', '-@all', ...rights, ...more);
    fill(redis, 0);
    const settings = settingsOf(redis, { username: 'cleaner', password: 'sesame' });
    const { message, hint } = await failureOf(check(settings));
    expect(message).toMatch(/NOPERM/);
    expect(message).toContain(expected);
    expect(hint).toMatch(/PING, SCAN and UNLINK or DEL/);
    expect(redis.keys()).toEqual([...cacheKeys, ...foreignKeys].sort());
  });

  test('a replica, which takes no deletions, is told before anything is removed', async () => {
    await using redis = await startRedis({ args: ['--replicaof', '127.0.0.1', '1'] });
    expect((await failureOf(check(settingsOf(redis)))).message).toContain('READONLY');
  });
});

describe('a Redis that cannot be used', () => {
  test.each([
    ['a wrong password', { password: 'open' }, /WRONGPASS/],
    ['no password', {}, /NOAUTH/],
    ['an unknown user', { username: 'nobody', password: 'sesame' }, /WRONGPASS/],
    ['a database that is not there', { password: 'sesame', db: 99 }, /DB index is out of range/],
  ])('%s is told', async (_what, more, expected) => {
    await using redis = await startRedis({ password: 'sesame' });
    const { message } = await failureOf(check(settingsOf(redis, more)));
    expect(message).toMatch(expected);
    expect(message).toContain(redis.address);
  });

  test('a password is in no message, not even where the server says it back', async () => {
    await using redis = await startRedis({ args: ['--rename-command', 'AUTH', ''] });
    const failure = await failureOf(check(settingsOf(redis, { username: 'user-1', password: 'sesame' })));
    expect(failure.message).toMatch(/unknown command .?AUTH/i);
    expect(JSON.stringify([failure.message, failure.hint, failure.details])).not.toMatch(/sesame|user-1/);
  });

  test('nobody listens, or the name does not resolve', async () => {
    await using redis = await startRedis();
    await redis.stop();
    for (const host of ['127.0.0.1', 'localhost']) {
      const at = { host, port: redis.port };
      expect((await failureOf(check(settingsOf(redis, { at })))).message).toContain('ECONNREFUSED');
    }
    const at = { host: 'nowhere.invalid', port: redis.port };
    expect((await failureOf(check(settingsOf(redis, { at })))).message).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });

  test('whoever listens and says nothing is given up', async () => {
    await using redis = await startRedis();
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const place = silent.address();
    const port = typeof place === 'object' && place !== null ? place.port : 0;
    const failure = failureOf(check(settingsOf(redis, { at: { host: '127.0.0.1', port } })));
    expect((await failure).message).toContain('it does not answer');
    silent.close();
  });

  test('one that goes away in the middle is told, and nothing waits for it to come back', async () => {
    await using redis = await startRedis();
    const cache = await openRedisCache(settingsOf(redis));
    await cache.check();
    await redis.stop();
    await failureOf(cache.flush());
    cache.close();
    cache.close();
  });

  test('whoever is no Redis is told', async () => {
    await using redis = await startRedis();
    const talker = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    talker.listen(0, '127.0.0.1');
    await once(talker, 'listening');
    const place = talker.address();
    const port = typeof place === 'object' && place !== null ? place.port : 0;
    await failureOf(check(settingsOf(redis, { at: { host: '127.0.0.1', port } })));
    talker.close();
  });
});

describe('ways to it', () => {
  test("another place than the address says, as from outside of the registry's network", async () => {
    await using redis = await startRedis();
    fill(redis, 0);
    const settings = settingsOf(redis, { address: 'redis:6379', at: { host: 'redis', port: 6379 } });
    const connectTo = { host: '127.0.0.1', port: redis.port };
    expect(await flush(settings, { connectTo })).toBe(cacheKeys.length);
  });

  test('a socket', async () => {
    const path = 'redis.sock';
    await using redis = await startRedis({ args: ['--unixsocket', path] });
    fill(redis, 0);
    const at = { path: join(redis.directory, path) };
    expect(await flush(settingsOf(redis, { at }))).toBe(cacheKeys.length);
  });

  test("TLS with the registry's certificates, under the name of the address wherever it is", async () => {
    await using plain = await startRedis();
    const { directory } = plain;
    makeCertificates(directory);
    const args = ['--tls-port', '0', '--tls-ca-cert-file', 'ca.pem', '--tls-cert-file', 'server.pem'];
    await using redis = await startRedis({
      args: [...args, '--tls-key-file', 'server.key', '--dir', directory],
    });
    const port = String(await freePort());
    redis.cli('CONFIG', 'SET', 'tls-port', port);
    fill(redis, 0);
    const file = (name: string) => join(directory, name);
    const tls = { certificate: file('client.pem'), key: file('client.key'), rootCas: [file('ca.pem')] };
    const at = { host: 'redis.test', port: 6379 };
    const connectTo = { host: '127.0.0.1', port: Number(port) };
    expect(await flush(settingsOf(redis, { at, tls }), { connectTo })).toBe(cacheKeys.length);

    const reads: string[] = [];
    const read = async (path: string) => {
      reads.push(path);
      return execFileSync('cat', [path]);
    };
    await check(settingsOf(redis, { at, tls }), { connectTo, read });
    expect(reads.sort()).toEqual([tls.rootCas[0], tls.key, tls.certificate].sort());

    const elsewhere = { at: { host: 'other.test', port: 6379 }, tls };
    expect((await failureOf(check(settingsOf(redis, elsewhere), { connectTo }))).message).toContain(
      'altnames',
    );
    const strangers = { at, tls: { ...tls, rootCas: [] } };
    expect((await failureOf(check(settingsOf(redis, strangers), { connectTo }))).message).toMatch(
      /issuer|self.signed/,
    );
    const missing = { at, tls: { ...tls, key: file('no.key') } };
    expect((await failureOf(check(settingsOf(redis, missing), { connectTo }))).message).toContain('ENOENT');
  });
});

test.each([
  ['with a password', 'sesame word'],
  ['without', undefined],
])('the command for a person does the same, %s', async (_what, password) => {
  await using redis = await startRedis(password === undefined ? {} : { password });
  fill(redis, 3);
  const command = flushByHand(settingsOf(redis, { password, db: 3 }));
  expect(command).not.toContain('sesame');
  const bash = spawn('bash', ['-c', command], { stdio: ['pipe', 'ignore', 'inherit'] });
  bash.stdin.end(`${password ?? ''}\n`);
  expect((await once(bash, 'exit'))[0]).toBe(0);
  const left = redis.keys(3);
  expect(left.filter((key) => cacheKeys.includes(key))).toEqual([]);
  expect(left).toContain('plain');
});

/** A CA, and a server and a client that it vouches for; the server is `redis.test`. */
function makeCertificates(directory: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const fresh = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ];
  openssl(...fresh, '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.pem');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:false'];
  for (const [name, host] of [
    ['server', 'redis.test'],
    ['client', 'registry'],
  ]) {
    const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
    openssl(...fresh, ...signed, ...names, '-keyout', `${name}.key`, '-out', `${name}.pem`);
  }
}
