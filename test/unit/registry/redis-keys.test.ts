import { expect, test } from 'vitest';
import { isCacheKey } from '../../../src/registry/redis-keys.ts';

const sha256 = `sha256:${'0123456789abcdef'.repeat(4)}`;
const sha512 = `sha512:${'0123456789abcdef'.repeat(8)}`;

test.each([
  `blobs::${sha256}`,
  `blobs::${sha512}`,
  'repository::app::blobs',
  'repository::team/app-1/x__y.z::blobs',
  `repository::team/app::blobs::${sha256}`,
  `repository::blobs::blobs::${sha512}`,
])("takes %s for the registry's", (key) => {
  expect(isCacheKey(key)).toBe(true);
});

test.each([
  'blobs',
  'blobs::',
  'blobs:other',
  'blobs::mine',
  `blobs:${sha256}`,
  `blobs::${sha256}0`,
  `blobs::${sha256.slice(0, -1)}`,
  `blobs::${sha256.toUpperCase()}`,
  `blobs::${sha256}\n`,
  `my:blobs::${sha256}`,
  'repository::x',
  'repository::x::blobs2',
  'repository::x::blobs::mine',
  'repository::x::y::blobs',
  'repository::::blobs',
  'repository::x y::blobs',
  'repository::\ufffd::blobs',
  `repository::x::tags::${sha256}`,
  `my:repository::x::blobs`,
])('leaves %j alone', (key) => {
  expect(isCacheKey(key)).toBe(false);
});

test('judges a hostile key at once', () => {
  const before = performance.now();
  expect(isCacheKey(`repository::${'a-'.repeat(100_000)}!::blobs`)).toBe(false);
  expect(performance.now() - before).toBeLessThan(5_000);
});
