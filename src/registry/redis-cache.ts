import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { checkServerIdentity, getCACertificates } from 'node:tls';
import { type CleanupError, problem, reasonOf } from '../errors.ts';
import { createMasker } from '../mask.ts';
import { cachePatterns, impossibleKeys, isCacheKey } from './redis-keys.ts';
import type { RedisSettings, RedisTls } from './redis-settings.ts';

/** A registry's descriptor cache in Redis. Every failure is REDIS_FAILED, without the password. */
export interface RedisCache {
  /** Throws unless `flush` may do what it must. Changes nothing: what it removes cannot exist. */
  check(): Promise<void>;
  /** Removes the registry's keys from its database, no other ones. `keys`: how many there were. Can be repeated. */
  flush(signal?: AbortSignal): Promise<{ readonly keys: number }>;
  close(): void;
}

/** What of the settings means something else here than where the registry runs. */
export interface RedisAccess {
  /** Where to connect, whatever the host of the address resolves to here. Names in TLS stay. */
  readonly connectTo?: { readonly host: string; readonly port: number } | undefined;
  /** Reads a certificate or key by the path in the settings. Default: that path on this machine. */
  readonly read?: ((path: string) => Promise<string | Buffer>) | undefined;
}

const connectMs = 5_000;
/** A server that is asked something and says nothing for so long is given up. */
const silenceMs = 10_000;
/** Keys per question: a thousandth of a second of the server's time. */
const pageSize = 1_000;

/** Connects, once and for 5 s at most, logs in and selects the database. Throws REDIS_FAILED. */
export async function openRedisCache(settings: RedisSettings, access: RedisAccess = {}): Promise<RedisCache> {
  const failed = (thrown: unknown) => redisFailed(settings, thrown);
  const client = await connect(settings, access).catch((thrown: unknown) => {
    throw failed(thrown);
  });
  let remove: 'unlink' | 'del' = 'unlink';

  /** UNLINK frees memory in the background. Servers before 4.0 have it not, and an ACL may not allow it. */
  async function removeKeys(keys: readonly string[]): Promise<number> {
    if (remove === 'unlink') {
      try {
        return await client.unlink([...keys]);
      } catch (thrown) {
        if (!/^(ERR unknown command|NOPERM)/i.test(reasonOf(thrown))) throw thrown;
        remove = 'del';
      }
    }
    return client.del([...keys]);
  }

  async function flush(signal?: AbortSignal): Promise<{ keys: number }> {
    let removed = 0;
    for (const pattern of cachePatterns) {
      let cursor = '0';
      do {
        signal?.throwIfAborted();
        const page = await client.scan(cursor, { MATCH: pattern, COUNT: pageSize });
        const keys = page.keys.filter(isCacheKey);
        if (keys.length > 0) removed += await removeKeys(keys);
        cursor = page.cursor;
      } while (cursor !== '0');
    }
    return { keys: removed };
  }

  return {
    async check() {
      try {
        await client.ping();
        for (const pattern of cachePatterns) await client.scan('0', { MATCH: pattern, COUNT: 1 });
        await removeKeys(impossibleKeys);
      } catch (thrown) {
        throw failed(thrown);
      }
    },
    async flush(signal) {
      try {
        return await flush(signal);
      } catch (thrown) {
        signal?.throwIfAborted();
        throw failed(thrown);
      }
    },
    close() {
      // A connection that broke is closed already.
      if (client.isOpen) client.destroy();
    },
  };
}

async function connect({ at, username, password, db, tls }: RedisSettings, access: RedisAccess) {
  const { createClient } = await import('@redis/client');
  const place = 'path' in at ? at : (access.connectTo ?? at);
  const bounds = { connectTimeout: connectMs, socketTimeout: silenceMs, reconnectStrategy: false } as const;
  const secure = tls === undefined ? undefined : await tlsOptions(tls, at, access.read ?? readFile);
  const client = createClient({
    socket:
      secure !== undefined
        ? { ...place, ...bounds, tls: true, ...secure }
        : 'path' in place
          ? { ...place, ...bounds, tls: false }
          : { ...place, ...bounds },
    // RESP 2 and nothing beside: every server and every ACL that is good enough for a registry takes that.
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database: db,
  });
  // The question that was under way rejects with it as well.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** As Go verifies: the name of the address, against the CAs that are named, or against those of the system. */
async function tlsOptions(
  { certificate, key, rootCas }: RedisTls,
  at: RedisSettings['at'],
  read: (path: string) => Promise<string | Buffer>,
) {
  const host = 'path' in at ? 'localhost' : at.host;
  const ca =
    rootCas.length > 0
      ? await Promise.all(rootCas.map((path) => read(path)))
      : [...getCACertificates('default'), ...getCACertificates('system')];
  return {
    ca,
    ...(certificate === undefined || key === undefined
      ? {}
      : { cert: await read(certificate), key: await read(key) }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    checkServerIdentity: (_host: string, peer: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(host, peer),
  };
}

function redisFailed({ address, password }: RedisSettings, thrown: unknown): CleanupError {
  // A name with several addresses fails with an error for each.
  const first: unknown = thrown instanceof AggregateError ? (thrown.errors[0] ?? thrown) : thrown;
  // A server that does not know AUTH says its password back.
  const reason = reasonOf(first)
    .replace(/,? with args beginning with.*/s, '')
    .replace(/^(?:Connection|Socket) timeout.*/s, 'it does not answer')
    .replace(/[.?]$/, '');
  const mask = createMasker({ values: password === undefined ? [] : [password], credentials: [] });
  return problem('REDIS_FAILED', { address, reason: mask(reason) });
}
