import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckId, DoctorDocument } from '../../src/report/doctor-document.ts';
import { at } from '../support/layout.ts';
import { ownTmpdir } from '../support/process-runtime.ts';
import { type ConfigOptions, configFor, program } from '../support/program.ts';
import { credentials, type RegistryOptions, startRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { wrapBinary } from '../support/wrapper.ts';
import { checkOf, examine, type Filled, faultsOf, filled } from './doctor-here.ts';

// What a throw-away instance leaves would be left here.
let place: ReturnType<typeof ownTmpdir>;
beforeAll(() => {
  place = ownTmpdir();
});
afterAll(() => place[Symbol.asyncDispose]());

interface Fault {
  readonly title: string;
  readonly registry?: RegistryOptions;
  readonly config?: ConfigOptions;
  /** Makes it, and says how the configuration is different. */
  make?(registry: Filled): ConfigOptions;
  readonly check: CheckId;
  readonly exitCode: number;
  /** What is said of it, and what cures it. */
  readonly says: RegExp;
  readonly cure: RegExp;
}

const faults: readonly Fault[] = [
  {
    title: 'nobody answers at registry.url',
    config: { registry: { url: 'http://127.0.0.1:1' } },
    check: 'address',
    exitCode: 1,
    says: /127\.0\.0\.1:1\/.* could not be reached: connect ECONNREFUSED/,
    cure: /Check registry\.url/,
  },
  {
    title: 'credentials are asked for, and there are none',
    registry: { auth: 'htpasswd' },
    check: 'credentials',
    exitCode: 6,
    says: /asks for credentials \(auth\.htpasswd\)/,
    cure: /Set registry\.auth/,
  },
  {
    title: 'the credentials are wrong',
    registry: { auth: 'htpasswd' },
    config: { registry: { auth: { username: credentials.username, password: 'wrong-password' } } },
    check: 'credentials',
    exitCode: 6,
    says: /was answered with 401/,
    cure: /Check registry\.auth/,
  },
  {
    title: 'it is a pull-through cache',
    make(registry) {
      const config = join(registry.directory, 'proxy.yml');
      const text = `version: 0.1\nstorage: {filesystem: {rootdirectory: ${registry.root}}}\nproxy: {remoteurl: "https://registry.example.org"}\nhttp: {addr: "127.0.0.1:${registry.port}"}\n`;
      writeFileSync(config, text);
      return { registry: { config } };
    },
    check: 'contents',
    exitCode: 6,
    says: /pull-through cache of https:\/\/registry\.example\.org/,
    cure: /Leave its contents/,
  },
  {
    title: "the registry's configuration cannot be read",
    config: { registry: { config: '/nowhere/config.yml' } },
    check: 'registry',
    exitCode: 6,
    says: /\/nowhere\/config\.yml: the registry's configuration cannot be read/,
    cure: /Check registry\.config/,
  },
  {
    title: 'there is no such binary',
    config: { binary: '/nowhere/registry' },
    check: 'registry',
    exitCode: 6,
    says: /\/nowhere\/registry: there is no such program/,
    cure: /Set registry\.binary/,
  },
  {
    title: 'the storage is not there',
    make(registry) {
      const config = join(registry.directory, 'elsewhere.yml');
      const text = `version: 0.1\nstorage: {filesystem: {rootdirectory: /nowhere/data}}\nhttp: {addr: "127.0.0.1:1"}\n`;
      writeFileSync(config, text);
      return { live: 'stopped', registry: { config } };
    },
    check: 'storage',
    exitCode: 6,
    says: /\/nowhere\/data: the registry's rootdirectory cannot be opened/,
    cure: /Check that its disk is mounted/,
  },
  {
    title: 'the storage is something else',
    make(registry) {
      const root = join(registry.directory, 'photos');
      mkdirSync(root);
      writeFileSync(join(root, 'holiday.jpg'), '');
      const config = join(registry.directory, 'elsewhere.yml');
      const text = `version: 0.1\nstorage: {filesystem: {rootdirectory: ${root}}}\nhttp: {addr: "127.0.0.1:1"}\n`;
      writeFileSync(config, text);
      return { live: 'stopped', registry: { config } };
    },
    check: 'storage',
    exitCode: 6,
    says: /this is not the storage of a registry: it holds holiday\.jpg/,
    cure: /check that its storage is mounted/,
  },
  {
    title: 'an image that a tag needs is damaged',
    make: ({ root, image }) => {
      writeFileSync(join(root, at.blob(image.digest)), '');
      return {};
    },
    check: 'contents',
    exitCode: 6,
    says: /needed by team\/app:v1/,
    cure: /remove the file, start it and push the image again/,
  },
  {
    title: 'a symbolic link is in the way',
    make: ({ root }) => {
      symlinkSync('../blobs', join(root, at.repositories, 'linked'));
      return {};
    },
    check: 'contents',
    exitCode: 6,
    says: /repositories\/linked: /,
    cure: /Put the data itself there/,
  },
  {
    title: 'there is not one tag',
    make: ({ root }) => {
      rmSync(join(root, at.tag('team/app', 'v1')), { recursive: true });
      return {};
    },
    check: 'contents',
    exitCode: 6,
    says: /not one tag in the whole registry/,
    cure: /--unsafe-allow-no-tags/,
  },
  {
    title: 'the read-only switch is defeated by a wrapper around the registry',
    make: (registry) => ({
      binary: wrapBinary(registry, 'case "$1" in serve) exec "$real" serve "$original" ;; esac'),
    }),
    check: 'readonly',
    exitCode: 5,
    says: /accepted an upload/,
    cure: /Look for what defeats storage\.maintenance\.readonly: a wrapper/,
  },
  {
    title: 'a read-only instance does not start',
    make: (registry) => ({
      binary: wrapBinary(registry, 'case "$1" in serve) echo "no libraries here" >&2; exit 9 ;; esac'),
    }),
    check: 'readonly',
    exitCode: 1,
    says: /it exited with 9[\s\S]*no libraries here/,
    cure: /Run the command by hand/,
  },
];

describe('a fault that would stop a run is named with its cure, and ends as a run ends', () => {
  test.each(faults)('$title', async (fault) => {
    await using registry = await filled(fault.registry);
    const made = fault.make?.(registry) ?? {};
    const config = configFor(registry, { ...fault.config, ...made });
    const document = await examine(registry, config);
    const { ids, text } = faultsOf(document);
    expect(ids).toEqual([fault.check]);
    expect(text).toMatch(fault.says);
    expect(text).toMatch(fault.cure);
    expect(document).toMatchObject({ outcome: 'faults', exitCode: fault.exitCode, error: null });
    expect(await runHere(config)).toMatchObject({ exitCode: fault.exitCode });
  });
});

test('a healthy registry stands in no run’s way', async () => {
  await using registry = await filled({ auth: 'htpasswd' });
  const config = configFor(registry, { registry: { auth: credentials } });
  const document = await examine(registry, config);
  expect(faultsOf(document).text).toBe('');
  expect(document).toMatchObject({ version: 1, command: 'doctor', outcome: 'ok', exitCode: 0, error: null });
  expect(document.registry).toEqual({ version: registry.version, runtime: 'process', storage: 'filesystem' });
  const good = document.checks.filter(({ id, outcome }) => id !== 'boot' && outcome !== 'ok');
  expect(good).toEqual([]);
  expect(checkOf(document, 'credentials').text).toContain(credentials.username);
  expect(checkOf(document, 'registry').text).toContain(String(registry.pid));
  expect(checkOf(document, 'contents').text).toMatch(
    /^1 tag; 1 manifest, 2 layer links, 3 blobs \(.* B\) would go$/,
  );
  expect(checkOf(document, 'readonly').text).toContain('405');
  expect(JSON.stringify(document)).not.toContain(credentials.password);
  expect((await runHere(config)).exitCode).toBe(0);
});

test('the command prints its list, and one document with --json; its exit code is the verdict', async () => {
  await using registry = await filled();
  const well = await program(['doctor', '--config', configFor(registry)]);
  expect(well).toMatchObject({ exitCode: 0, stderr: '' });
  expect(well.stdout).toMatch(/^✔ Configuration: .*cleanup\.config\.json\n✔ Runtime: /);
  expect(well.stdout).toMatch(/\n\nNothing stands in the way of a run\.\n$/);
  const ill = await program(['doctor', '--json', '--config', configFor(registry, { live: 'stopped' })]);
  const document = JSON.parse(ill.stdout) as DoctorDocument;
  expect(ill).toMatchObject({ exitCode: 6, stderr: '' });
  expect(document.exitCode).toBe(6);
  expect(faultsOf(document).text).toMatch(/registry\.live is "stopped", but .* listens there\. Stop it/);
});

describe('the configuration', () => {
  test('that is not valid is told with all its problems, and nothing else can be looked at', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
    const file = join(directory, 'cleanup.config.json');
    writeFileSync(file, '{"registry": {"binnary": "x", "url": "ftp://x"}}');
    const { exitCode, stdout } = await program(['doctor', '--config', file]);
    rmSync(directory, { recursive: true });
    expect(exitCode).toBe(2);
    expect(stdout).toContain('binnary');
    expect(stdout).toContain('registry.url: must be a URL');
    expect(stdout).toContain('– Runtime, Live registry,');
    expect(stdout).toMatch(/1 thing would stop a run\.\n$/);
  });

  test('of an engine that does not answer ends as a run ends', async () => {
    await using registry = await startRegistry({ start: false });
    const file = join(registry.directory, 'docker.json');
    writeFileSync(file, JSON.stringify({ registry: { runtime: 'docker' } }));
    const env = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    const document = await examine(registry, file, { env });
    expect(faultsOf(document)).toMatchObject({ ids: ['runtime'] });
    expect(faultsOf(document).text).toMatch(
      /Docker Engine at unix:\/\/\/nowhere\/docker\.sock could not be reached/,
    );
    expect(document.exitCode).toBe(1);
    expect(checkOf(document, 'storage')).toMatchObject({ outcome: 'skipped' });
    expect((await runHere(file, { env })).exitCode).toBe(1);
  });
});
