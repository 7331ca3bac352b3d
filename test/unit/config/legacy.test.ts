import { describe, expect, it } from 'vitest';
import { foreignToRegistry, readLegacy } from '../../../src/config/legacy.ts';

function tree(environment: Record<string, string>): unknown {
  const { tree: read, problems } = readLegacy(environment, '/srv');
  expect(problems).toEqual([]);
  return read;
}

describe('the variables of earlier tools', () => {
  it.each([
    ['true', true],
    ['1', true],
    ['yes', true],
    ['sure', true],
    ['false', false],
    ['0', false],
  ])('DRY_RUN=%s and DRYRUN=%s mean a dry run in doubt', (text, dryRun) => {
    expect(tree({ DRY_RUN: text })).toEqual({ dryRun });
    expect(tree({ DRYRUN: text })).toEqual({ dryRun });
  });

  it('mean a dry run when any of them does', () => {
    expect(tree({ DRY_RUN: 'true', DRYRUN: 'false' })).toEqual({ dryRun: true });
    expect(tree({ DRY_RUN: 'false', DRYRUN: 'true' })).toEqual({ dryRun: true });
  });

  it('count as unset where they are empty', () => {
    expect(
      tree({ DRY_RUN: '', REGISTRY_URL: '', REGISTRY_AUTH: '', SELF_SIGNED_CERT: '', REGISTRY_DIR: '' }),
    ).toEqual({});
  });

  it('give address, trust and stand-in', () => {
    expect(tree({ REGISTRY_URL: 'https://x', SELF_SIGNED_CERT: 'whatever', RUN_REGISTRY: 'false' })).toEqual({
      registry: { url: 'https://x', tls: { insecure: true } },
      readonlyInstance: false,
    });
    expect(tree({ SELF_SIGNED_CERT: 'false', RUN_REGISTRY: 'true' })).toEqual({
      registry: { tls: { insecure: false } },
      readonlyInstance: true,
    });
  });

  it('are refused where they make no sense', () => {
    expect(readLegacy({ RUN_REGISTRY: 'maybe' }, '/').problems).toEqual([
      'RUN_REGISTRY: must be true or false (environment)',
    ]);
  });

  it.each([
    ['user:pass', { username: 'user', password: 'pass' }],
    ['user:pa:ss', { username: 'user', password: 'pa:ss' }],
    ['user:{x', { username: 'user', password: '{x' }],
    ['user:%p@ss', { username: 'user', password: '%p@ss' }],
  ])('REGISTRY_AUTH=%s is credentials', (text, auth) => {
    expect(tree({ REGISTRY_AUTH: text })).toEqual({ registry: { auth } });
    expect(foreignToRegistry({ REGISTRY_AUTH: text })).toEqual(['REGISTRY_AUTH']);
  });

  it.each([
    'htpasswd',
    'none',
    'user:',
    'user: pass',
    '{htpasswd: {realm: x}}',
    'htpasswd: {realm: x, path: /y}',
    'token:\n  realm: x',
    '{"silly": {}}',
  ])("REGISTRY_AUTH=%s is the registry's own", (text) => {
    expect(tree({ REGISTRY_AUTH: text })).toEqual({});
    expect(foreignToRegistry({ REGISTRY_AUTH: text })).toEqual([]);
  });

  it.each([
    [{ REGISTRY_DIR: '/registry' }, { path: '/registry', variable: 'REGISTRY_DIR' }],
    [{ REGISTRY_DIR: 'data' }, { path: '/srv/data', variable: 'REGISTRY_DIR' }],
    [{ REGISTRY_DATA_DIR: '/data/docker/registry/v2' }, { path: '/data', variable: 'REGISTRY_DATA_DIR' }],
    [{ REGISTRY_DATA_DIR: '/data/docker/registry/v2/' }, { path: '/data', variable: 'REGISTRY_DATA_DIR' }],
    [{ REGISTRY_DATA_DIR: '/docker/registry/v2' }, { path: '/', variable: 'REGISTRY_DATA_DIR' }],
    [
      { REGISTRY_DIR: '/data/', REGISTRY_DATA_DIR: '/data/docker/registry/v2' },
      { path: '/data', variable: 'REGISTRY_DIR' },
    ],
  ])('%j says where the storage is', (environment, hint) => {
    const { storageRootHint, problems } = readLegacy(environment, '/srv');
    expect(storageRootHint).toEqual(hint);
    expect(problems).toEqual([]);
  });

  it('must not name two places for the storage', () => {
    expect(
      readLegacy({ REGISTRY_DIR: '/a', REGISTRY_DATA_DIR: '/b/docker/registry/v2' }, '/').problems,
    ).toEqual(['REGISTRY_DATA_DIR: names another directory (/b) than REGISTRY_DIR (environment)']);
  });
});

describe('what is kept from the registry', () => {
  it("is ours and the earlier tools', and nothing of its own", () => {
    const ours = [
      'CLEANUP_UNTAGGED_KEEP_WITHIN',
      'CLEANUP_REGISTRY_AUTH_PASSWORD',
      'CLEANUP_CONFIG',
      'DRY_RUN',
      'DRYRUN',
      'REGISTRY_URL',
      'REGISTRY_DIR',
      'REGISTRY_DATA_DIR',
      'RUN_REGISTRY',
      'SELF_SIGNED_CERT',
    ];
    const theirs = [
      'PATH',
      'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY',
      'REGISTRY_HTTP_ADDR',
      'REGISTRY_AUTH_HTPASSWD_PATH',
      'REGISTRY_STORAGE',
      'REGISTRY_CONFIGURATION_PATH',
      'OTEL_TRACES_EXPORTER',
      'constructor',
    ];
    const environment = Object.fromEntries([...ours, ...theirs].map((name) => [name, 'x']));
    expect(foreignToRegistry(environment).sort()).toEqual(ours.sort());
  });
});
