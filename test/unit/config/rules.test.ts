import { describe, expect, it } from 'vitest';
import { collectorOf } from '../../../src/config/collector.ts';
import { cautions, check, rules } from '../../../src/config/rules.ts';
import { type Config, schema, type UserConfig } from '../../../src/config/schema.ts';

function config(written: UserConfig): Config {
  return schema.parse(written);
}

describe('rules', () => {
  it('have nothing against the defaults', () => {
    expect(check(rules, config({}))).toEqual([]);
    expect(check(cautions, config({}))).toEqual([]);
  });

  it.each<[string, UserConfig, string]>([
    [
      'a username without a password',
      { registry: { auth: { username: 'u' } } },
      'registry.auth.password: is missing',
    ],
    [
      'a password without a username',
      { registry: { auth: { password: 'p' } } },
      'registry.auth.username: is missing',
    ],
    [
      'a username with a colon',
      { registry: { auth: { username: 'a:b', password: 'p' } } },
      'registry.auth.username: must not have a colon',
    ],
    [
      'a certificate authority beside no verification at all',
      { registry: { tls: { ca: '/ca.pem', insecure: true } } },
      'registry.tls.insecure: makes registry.tls.ca pointless',
    ],
    ['a window without its time zone', { limits: { window: '01:00-05:00' } }, 'limits.timeZone: is missing'],
    [
      'a quiet time that does not fit into the drain',
      { registry: { drain: { timeout: '1s', quiet: '2s' } } },
      'registry.drain.quiet: is longer (2s) than registry.drain.timeout (1s)',
    ],
    [
      'a flag of the collector of the registry for the native one',
      { collector: 'native', garbageCollect: { deleteUntagged: true } },
      'garbageCollect.deleteUntagged: the native collector has no such flag',
    ],
    [
      'it where damaged repositories are left alone, too',
      { collector: 'registry', damage: 'isolate', garbageCollect: { deleteUntagged: true } },
      'garbageCollect.deleteUntagged: the native collector, which damage: isolate takes, has no such flag',
    ],
  ])('refuse %s', (_, written, problem) => {
    expect(check(rules, config(written))).toEqual([expect.stringContaining(problem)]);
  });

  it('accept a drain that is switched off', () => {
    expect(check(rules, config({ registry: { drain: { timeout: '0s' } } }))).toEqual([]);
  });
});

describe('the collector', () => {
  it.each<[UserConfig, 'registry' | 'native']>([
    [{}, 'registry'],
    [{ damage: 'stop' }, 'registry'],
    [{ collector: 'native' }, 'native'],
    [{ damage: 'isolate' }, 'native'],
    [{ collector: 'registry', damage: 'isolate' }, 'native'],
  ])('of %j is the %s one', (written, collector) => {
    expect(collectorOf(config(written))).toBe(collector);
    for (const deleteUntagged of ['auto', false] as const)
      expect(check(rules, config({ ...written, garbageCollect: { deleteUntagged } }))).toEqual([]);
  });
});

describe('cautions', () => {
  it.each<[string, UserConfig, string]>([
    ['any certificate is accepted', { registry: { tls: { insecure: true } } }, 'registry.tls.insecure'],
    ['an untagged registry would be emptied', { unsafe: { allowNoTags: true } }, 'unsafe.allowNoTags'],
    [
      'the password leaves the machine unencrypted',
      { registry: { url: 'http://registry.example', auth: { username: 'u', password: 'p' } } },
      'registry.url',
    ],
  ])('say that %s', (_, written, path) => {
    expect(check(cautions, config(written))).toEqual([expect.stringMatching(`^${path}: `)]);
  });

  it.each([
    'http://localhost:5000',
    'http://127.0.0.1:5000',
    'http://[::1]:5000',
    'https://registry.example',
  ])('let a password go to %s', (url) => {
    expect(check(cautions, config({ registry: { url, auth: { username: 'u', password: 'p' } } }))).toEqual(
      [],
    );
  });
});
