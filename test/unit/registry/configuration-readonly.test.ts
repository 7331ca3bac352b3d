import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfiguration } from '../../../src/registry/configuration.ts';
import { readonlyConfiguration, withoutStorage } from '../../../src/registry/configuration-readonly.ts';

function standIn(yaml: string, env: Record<string, string> = {}): string {
  return readonlyConfiguration(yaml, parseConfiguration(yaml, env), '/real');
}

const yaml = `
version: 0.1
# a comment
log: {fields: {service: registry}}
storage:
  filesystem: {rootdirectory: /data, maxthreads: 100}
  delete: {enabled: true}
  cache: {blobdescriptor: inmemory}
  redirect: {disable: true}
  maintenance:
    uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}
http:
  addr: :5000
  secret: 0123
  headers: {X-Content-Type-Options: [nosniff], X-Number: ["1.10", 1.10]}
  future: {option: on}
`;

test('switches writing, purging, deletion and the cache off, and changes nothing else', () => {
  const made = parse(standIn(yaml), { schema: 'failsafe' });
  const original = parse(yaml, { schema: 'failsafe' });
  expect(made).toEqual({
    ...original,
    storage: {
      filesystem: { rootdirectory: '/real', maxthreads: '100' },
      redirect: { disable: 'true' },
      maintenance: { readonly: { enabled: 'true' }, uploadpurging: { enabled: 'false' } },
    },
  });
});

test('keeps plain scalars plain and quoted ones quoted, since the registry tells them apart', () => {
  const text = standIn(yaml);
  expect(text).toContain('secret: 0123\n');
  expect(text).toMatch(/X-Number: \[ ?"1\.10", 1\.10 ?\]/);
  expect(text).toContain('option: on');
});

test('has the environment in its storage, which is then taken out of the environment', () => {
  const env = {
    REGISTRY_STORAGE_FILESYSTEM_MAXTHREADS: '25',
    REGISTRY_STORAGE_TAG_CONCURRENCYLIMIT: '5',
    REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'inmemory',
    REGISTRY_HTTP_ADDR: ':5001',
    REGISTRY_STORAGES: 'x',
  };
  expect(parse(standIn(yaml, env)).storage).toMatchObject({
    filesystem: { rootdirectory: '/real', maxthreads: 25 },
    tag: { concurrencylimit: 5 },
  });
  expect(parse(standIn(yaml, env)).storage).not.toHaveProperty('cache');
  expect(withoutStorage(env)).toEqual({ REGISTRY_HTTP_ADDR: ':5001', REGISTRY_STORAGES: 'x' });
});

test('an anchor in the section that is replaced is no loss for the others', () => {
  const shared = `
version: 0.1
storage: {filesystem: {rootdirectory: /data}, cache: &gone {blobdescriptor: inmemory}}
http: {addr: ":5000", headers: {X-A: [a]}}
other: *gone
merged: {<<: *gone, x: "1"}
`;
  const made = parse(standIn(shared), { merge: true });
  expect(made.other).toEqual({ blobdescriptor: 'inmemory' });
  expect(made.merged).toEqual({ blobdescriptor: 'inmemory', x: '1' });
});

test('reads a configuration that is written as JSON', () => {
  const json = JSON.stringify({ version: 0.1, storage: { filesystem: {} }, http: { addr: ':5000' } });
  const made = parse(standIn(json));
  expect(made).toMatchObject({ version: 0.1, http: { addr: ':5000' } });
  expect(made.storage.filesystem).toEqual({ rootdirectory: '/real' });
});

test.each(['/with space', '/with"quote', '/with: colon', '/ünï', '/with # hash'])(
  'writes the root %s so that it is read back',
  (root) => {
    const text = readonlyConfiguration(yaml, parseConfiguration(yaml, {}), root);
    expect(parseConfiguration(text, {}).rootDirectory).toBe(root);
  },
);
