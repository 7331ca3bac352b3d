import { expect, test } from 'vitest';
import { parseVersion } from '../../../src/runtime/version.ts';

test.each([
  ['docker-registry github.com/docker/distribution 2.8.2+ds1\n', '2.8.2+ds1', 2],
  ['registry github.com/docker/distribution v2.8.3\n', '2.8.3', 2],
  ['/bin/registry github.com/distribution/distribution/v3 3.1.1\n', '3.1.1', 3],
  ['registry github.com/distribution/distribution/v3 v3.0.0-rc.1.m\n', '3.0.0-rc.1.m', 3],
])('reads the version in %j', (text, version, major) => {
  expect(parseVersion(text)).toEqual({ version, major });
});

test.each([
  '',
  'ls (GNU coreutils) 9.1',
  'registry 2.8.2',
  'registry github.com/docker/distribution unknown',
])('finds no version of a registry in %j', (text) => {
  expect(parseVersion(text)).toBeUndefined();
});
