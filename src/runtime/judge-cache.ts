import { CleanupError } from '../errors.ts';
import type { RegistryConfiguration } from '../registry/configuration.ts';
import { ConfigurationError } from '../registry/configuration-yaml.ts';
import { redisSettings } from '../registry/redis-settings.ts';
import type { Findings } from './findings.ts';
import { checkCache, type FindAccess } from './flush.ts';

/** Refuses a descriptor cache in Redis that could not be flushed after cleaning. Changes nothing. */
export async function judgeCache(
  path: string,
  { cache, redis }: Pick<RegistryConfiguration, 'cache' | 'redis'>,
  major: number,
  find: FindAccess,
  { refusals }: Pick<Findings, 'refusals'>,
): Promise<void> {
  if (cache !== 'redis') return;
  try {
    await checkCache(redisSettings(redis, major), find);
  } catch (thrown) {
    if (thrown instanceof ConfigurationError) {
      refusals.push(
        `${path}: descriptors are cached in Redis (storage.cache) and must be flushed after cleaning, but ` +
          `${thrown.message}. Mend that, or set storage.cache.blobdescriptor to inmemory.`,
      );
    } else if (thrown instanceof CleanupError) {
      refusals.push(`${path}: ${thrown.message} ${thrown.hint}`);
    } else {
      throw thrown;
    }
  }
}
