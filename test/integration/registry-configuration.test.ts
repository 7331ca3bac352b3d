import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfiguration } from '../../src/registry/configuration.ts';
import { ConfigurationError } from '../../src/registry/configuration-yaml.ts';
import { registryBinary } from '../support/binary.ts';

/*
 * The registry itself says where it looks: two directories hold a repository each, named after it, and the rehearsing
 * collector prints which one it meets. A configuration that it does not start with must be one that we refuse.
 */

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
  for (const name of ['file', 'env', 'other']) {
    mkdirSync(join(directory, name, 'docker/registry/v2/blobs'), { recursive: true });
    const repository = join(directory, name, 'docker/registry/v2/repositories', name);
    for (const below of ['_layers', '_manifests/revisions', '_manifests/tags']) {
      mkdirSync(join(repository, below), { recursive: true });
    }
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = 'version: 0.1\nstorage: {filesystem: {rootdirectory: DIR/file}}\n';

test.each<[string, string, Record<string, string>]>([
  ['the file alone', file, {}],
  ['a variable', file, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: 'DIR/env' }],
  ['a variable for the driver', file, { REGISTRY_STORAGE_FILESYSTEM: '{rootdirectory: DIR/env}' }],
  ['a variable for the storage', file, { REGISTRY_STORAGE: '{filesystem: {rootdirectory: DIR/env}}' }],
  [
    'variables for parent and child',
    file,
    {
      REGISTRY_STORAGE: '{filesystem: {rootdirectory: DIR/other}}',
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: 'DIR/env',
    },
  ],
  ['a variable in lower case', file, { REGISTRY_storage_filesystem_rootdirectory: 'DIR/env' }],
  ['a key in mixed case', 'version: 0.1\nstorage: {filesystem: {RootDirectory: DIR/file}}\n', {}],
  [
    'a key in mixed case, and a variable',
    'version: 0.1\nstorage: {filesystem: {RootDirectory: DIR/file}}\n',
    { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: 'DIR/env' },
  ],
  [
    'no parameters',
    'version: 0.1\nstorage: {filesystem: }\n',
    { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: 'DIR/env' },
  ],
  [
    'a driver by variable alone',
    'version: 0.1\nstorage: {cache: {}}\n',
    { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: 'DIR/env' },
  ],
  ['a variable with a comment', file, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: 'DIR/env # where it is' }],
  ['a quoted variable', file, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '"DIR/env"' }],
  ['a merge key', 'version: 0.1\nx: &x {rootdirectory: DIR/file}\nstorage: {filesystem: {<<: *x}}\n', {}],
  ['a variable below a text', file, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY_MORE: 'DIR/env' }],
  ['an unknown section', `${file}whatever: {a: 1}\n`, { REGISTRY_WHATEVER_A: '2' }],
  ['two documents', `${file}---\n${file.replace('file}', 'other}')}`, {}],
  ['two drivers', file, { REGISTRY_STORAGE_INMEMORY: '{}' }],
  ['two drivers in the file', 'version: 0.1\nstorage: {filesystem: {}, inmemory: {}}\n', {}],
  ['a parameter for a map', file, { REGISTRY_STORAGE_FILESYSTEM: 'DIR/env' }],
  ['an empty storage', file, { REGISTRY_STORAGE: '' }],
  ['another version', file.replace('0.1', '0.2'), {}],
  ['no version', file.replace('version: 0.1\n', ''), {}],
  ['no YAML', '{', {}],
  ['no YAML in a variable', file, { REGISTRY_STORAGE_FILESYSTEM: '{' }],
  ['no duration', `${file}http: {draintimeout: soon}\n`, {}],
  ['two kinds of auth', `${file}auth: {htpasswd: {}, token: {}}\n`, {}],
])('agrees with the registry on %s', async (_what, yaml, variables) => {
  const text = yaml.replaceAll('DIR', directory);
  const env = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, value.replaceAll('DIR', directory)]),
  );
  expect(ours(text, env)).toBe(await theirs(text, env));
});

/** The directory that we think the data is in, or `refused`. */
function ours(text: string, env: Record<string, string>): string {
  try {
    return parseConfiguration(text, env).rootDirectory.replace(`${directory}/`, '');
  } catch (thrown) {
    if (thrown instanceof ConfigurationError) return 'refused';
    throw thrown;
  }
}

/** The same, said by the registry. */
async function theirs(text: string, env: Record<string, string>): Promise<string> {
  const config = join(directory, 'config.yml');
  writeFileSync(config, text);
  const collector = promisify(execFile)(registryBinary().path, ['garbage-collect', '--dry-run', config], {
    env: { OTEL_TRACES_EXPORTER: 'none', ...env },
  });
  try {
    return /^(file|env|other)$/m.exec((await collector).stdout)?.[1] ?? 'nothing printed';
  } catch (thrown) {
    const said = (thrown as { stderr: string }).stderr;
    // It started, and the default directory holds nothing.
    return said.includes('Path not found') ? '/var/lib/registry' : 'refused';
  }
}
