import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Deed } from '../../deed.ts';
import { fail, reasonOf } from '../../errors.ts';
import { parseConfiguration } from '../../registry/configuration.ts';
import { type RedisSettings, redisSettings } from '../../registry/redis-settings.ts';
import { type FindAccess, flushCache, flushDeed } from '../flush.ts';
import { flushByHand } from '../flush-by-hand.ts';
import { childEnvironment, withoutOurs } from './environment.ts';
import type { Ground } from './ground.ts';
import { originOf } from './inspect-address.ts';
import type { FlushMemo } from './memos.ts';
import type { ProcessRuntimeOptions } from './options.ts';
import { registryProcesses } from './registry-processes.ts';

/** Redis is reached as the registry reaches it; relative paths are relative to the registry's working directory. */
export function accessFrom(cwd: string): FindAccess {
  return () => ({ read: (path) => readFile(resolve(cwd, path)) });
}

/** Flushes the registry's descriptor cache when it is undone. Undefined: there is none that outlives the registry. */
export function processFlushDeed(ground: Ground, runId: string): Deed | undefined {
  const { cache, redis } = ground.configuration;
  if (cache !== 'redis') return undefined;
  const settings = redisSettings(redis, ground.binary.major);
  const memo: FlushMemo = {
    kind: 'process-flush',
    runId,
    config: ground.config,
    cwd: ground.cwd,
    major: ground.binary.major,
    variables: Object.keys(ground.environment).filter((name) => /^REGISTRY_REDIS(_|$)/.test(name)),
    address: settings.address,
    byHand: flushByHand(settings),
  };
  return flushDeed(memo, settings, accessFrom(ground.cwd));
}

/**
 * Flushes what an earlier process owed. Where Redis is and its password are read again, from the configuration and the
 * environment: of the registry if it runs, of the stand-in if that is left, ours otherwise. Throws NOT_FLUSHED.
 */
export async function flushFromMemo(memo: FlushMemo, options: ProcessRuntimeOptions): Promise<void> {
  let settings: RedisSettings | undefined;
  try {
    settings = await settingsNow(memo, options);
  } catch (thrown) {
    fail('NOT_FLUSHED', { address: memo.address, reason: reasonOf(thrown), command: memo.byHand }, thrown);
  }
  // A registry that has lost its Redis asks nobody what it remembers.
  if (settings !== undefined) await flushCache(settings, accessFrom(memo.cwd));
}

async function settingsNow(
  memo: FlushMemo,
  options: ProcessRuntimeOptions,
): Promise<RedisSettings | undefined> {
  const ours = withoutOurs(options.env, options.dropEnv);
  const text = await readFile(memo.config, 'utf8');
  const origin = await originOf(memo.config, text, ours, await registryProcesses(undefined), options);
  const environment = childEnvironment(origin?.environment, ours);
  const missing = memo.variables.filter((name) => environment[name] === undefined);
  if (missing.length > 0) {
    throw new Error(
      `the registry had ${missing.join(', ')} in its environment and does not run: start it, or set that for the cleaner`,
    );
  }
  const { redis } = parseConfiguration(text, environment);
  const key = memo.major >= 3 ? 'addrs' : 'addr';
  return redis[key] === undefined ? undefined : redisSettings(redis, memo.major);
}
