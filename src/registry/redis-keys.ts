/** Globs for SCAN that meet every key of a registry's descriptor cache, and now and then one of somebody else. */
export const cachePatterns = ['blobs::*', 'repository::*::blobs*'] as const;

const digest = '(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})';
const repository = '[A-Za-z0-9]+(?:[._/-]+[A-Za-z0-9]+)*';
const cacheKey = new RegExp(`^(?:blobs::${digest}|repository::${repository}::blobs(?:::${digest})?)$`);

/**
 * Whether a registry's descriptor cache has such a key: `blobs::<digest>` (hash: digest, size, media type),
 * `repository::<name>::blobs` (set of digests), `repository::<name>::blobs::<digest>` (hash: media type). The same in
 * 2.x and 3.x (registry/storage/cache/redis/redis.go); 3.x keeps manifests there, too.
 */
export function isCacheKey(key: string): boolean {
  return cacheKey.test(key);
}

/**
 * Keys like the cache's that cannot exist: nothing hashes to this digest, and no repository has this name. To remove
 * them tells what may be removed.
 */
export const impossibleKeys = [
  `blobs::sha256:${'0'.repeat(64)}`,
  'repository::-::blobs',
  `repository::-::blobs::sha256:${'0'.repeat(64)}`,
] as const;
