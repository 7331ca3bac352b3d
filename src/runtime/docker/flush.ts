import type { Deed } from '../../deed.ts';
import type { Container, Engine } from '../../engine/engine.ts';
import { fail, reasonOf } from '../../errors.ts';
import { parseConfiguration } from '../../registry/configuration.ts';
import { type RedisSettings, redisSettings } from '../../registry/redis-settings.ts';
import { type FindAccess, flushCache, flushDeed } from '../flush.ts';
import { flushByHand } from '../flush-by-hand.ts';
import type { Ground } from './ground.ts';
import type { FlushMemo } from './memos.ts';

/** Flushes the registry's descriptor cache when it is undone. Undefined: there is none that outlives the registry. */
export function dockerFlushDeed(ground: Ground, runId: string): Deed | undefined {
  const { engine, live, configuration, configPath, major } = ground;
  if (configuration.cache !== 'redis') return undefined;
  const settings = redisSettings(configuration.redis, major);
  const memo: FlushMemo = {
    kind: 'docker-flush',
    runId,
    live: { id: live.id, name: live.name },
    config: configPath,
    major,
    address: settings.address,
    byHand: flushByHand(settings),
  };
  return flushDeed(memo, settings, accessFrom(engine, live));
}

/**
 * Flushes what an earlier process owed. Where Redis is and its password are read again, from the live registry's
 * container, which need not run. Throws NOT_FLUSHED.
 */
export async function flushFromMemo(engine: Engine, memo: FlushMemo): Promise<void> {
  let now: { readonly settings: RedisSettings; readonly live: Container } | undefined;
  try {
    now = await settingsNow(engine, memo);
  } catch (thrown) {
    fail('NOT_FLUSHED', { address: memo.address, reason: reasonOf(thrown), command: memo.byHand }, thrown);
  }
  // A registry that has lost its Redis asks nobody what it remembers.
  if (now !== undefined) await flushCache(now.settings, accessFrom(engine, now.live));
}

async function settingsNow(engine: Engine, memo: FlushMemo) {
  const live = (await engine.inspect(memo.live.id)) ?? (await engine.inspect(memo.live.name));
  if (live === undefined) throw new Error(`the container ${memo.live.name} is gone`);
  const text = await engine.readFile(live.name, memo.config);
  if (text === undefined) throw new Error(`the container ${live.name} has no ${memo.config} any more`);
  const { redis } = parseConfiguration(Buffer.from(text).toString('utf8'), live.env);
  const known = redis[memo.major >= 3 ? 'addrs' : 'addr'] !== undefined;
  return known ? { settings: redisSettings(redis, memo.major), live } : undefined;
}

/** Names are those of the registry's networks, files those of its container. */
export function accessFrom(engine: Engine, live: Container): FindAccess {
  return async ({ at }) => ({
    connectTo: 'path' in at ? undefined : { ...at, host: await addressOf(engine, live, at.host) },
    async read(path) {
      const found = await engine.readFile(live.name, path);
      if (found === undefined) throw new Error(`the container ${live.name} has no ${path}`);
      return Buffer.from(found);
    },
  });
}

/** The address of the container that the registry's networks know as `host`; `host` itself where none is. */
async function addressOf(engine: Engine, live: Container, host: string): Promise<string> {
  const networks = new Set(live.endpoints.map(({ network }) => network));
  const running = (await engine.list()).filter(({ state }) => state === 'running');
  for (const { id } of running) {
    const container = await engine.inspect(id);
    for (const { network, aliases, ip } of container?.endpoints ?? []) {
      const known = aliases.includes(host) || container?.name === host;
      if (known && ip !== '' && networks.has(network)) return ip;
    }
  }
  return host;
}
