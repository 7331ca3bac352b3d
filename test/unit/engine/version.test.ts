import { expect, test } from 'vitest';
import { spokenVersion } from '../../../src/engine/version.ts';

test.each([
  ['an engine like ours', '1.47', '1.24', '1.47'],
  ['Engine 20.10', '1.41', '1.12', '1.41'],
  ['Engine 29, which has dropped old versions', '1.52', '1.44', '1.47'],
  ['an old one', '1.30', '1.12', '1.30'],
  ['one far away', '1.100', '1.90', '1.90'],
  ['the next generation', '2.0', '1.24', '1.47'],
  ['Podman', '1.41', undefined, '1.41'],
])('speaks with %s what both know', (_name, ApiVersion, MinAPIVersion, spoken) => {
  expect(spokenVersion({ ApiVersion, MinAPIVersion })).toBe(spoken);
});

test.each([{}, { ApiVersion: 1.41 }, { ApiVersion: '' }, { ApiVersion: '1.41/../..' }])(
  'takes no version from %j',
  (answer) => {
    expect(() => spokenVersion(answer)).toThrow();
  },
);
