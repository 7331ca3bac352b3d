import type { Deed, Memo } from '../deed.ts';
import { CleanupError, fail } from '../errors.ts';
import { pause } from '../pause.ts';
import { openRedisCache, type RedisAccess, type RedisCache } from '../registry/redis-cache.ts';
import type { RedisSettings } from '../registry/redis-settings.ts';
import { flushByHand } from './flush-by-hand.ts';

/** How the Redis of the settings is reached from here, now: its address may be another one after a restart. */
export type FindAccess = (settings: RedisSettings) => RedisAccess | Promise<RedisAccess>;

/** A Redis that restarts is back by then; the registry stays closed meanwhile. */
const patienceMs = 8_000;
const pauseMs = 500;

/**
 * A descriptor cache in Redis outlives the registry's restart, so what the run removes must be forgotten there: the
 * undo flushes it. Pushed before anything is removed. Then Redis is tried once more: without it nothing is removed.
 * Throws REDIS_FAILED, and when it is undone NOT_FLUSHED with the command to run by hand.
 */
export function flushDeed(memo: Memo, settings: RedisSettings, find: FindAccess): Deed {
  let owed = false;
  return {
    memo,
    async do(signal) {
      signal.throwIfAborted();
      await checkCache(settings, find);
      owed = true;
    },
    async undo() {
      if (owed) await flushCache(settings, find);
      owed = false;
    },
  };
}

/** Throws REDIS_FAILED if the cache could not be flushed now. Changes nothing. */
export async function checkCache(settings: RedisSettings, find: FindAccess): Promise<void> {
  await withCache(settings, find, (cache) => cache.check());
}

/** Flushes the cache, trying again for some seconds. Throws NOT_FLUSHED. */
export async function flushCache(settings: RedisSettings, find: FindAccess): Promise<void> {
  for (const deadline = performance.now() + patienceMs; ; await pause(pauseMs)) {
    try {
      await withCache(settings, find, (cache) => cache.flush());
      return;
    } catch (thrown) {
      if (!(thrown instanceof CleanupError)) throw thrown;
      if (performance.now() < deadline) continue;
      const { address } = settings;
      fail('NOT_FLUSHED', { address, reason: thrown.message, command: flushByHand(settings) }, thrown);
    }
  }
}

async function withCache(
  settings: RedisSettings,
  find: FindAccess,
  work: (cache: RedisCache) => Promise<unknown>,
): Promise<void> {
  const cache = await openRedisCache(settings, await find(settings));
  try {
    await work(cache);
  } finally {
    cache.close();
  }
}
