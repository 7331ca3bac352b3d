import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { at } from '../support/layout.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import {
  type ConfigOptions,
  configFor,
  program,
  type Report,
  temporaryDirectory,
} from '../support/program.ts';
import { noise, pushBlob, pushImage, startUpload } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { type RunHereOptions, runHere } from '../support/run-here.ts';
import { diff, snapshot } from '../support/tree.ts';

const nothing = { revisions: [], layerLinks: [], tagHistory: [], blobs: [] };

describe('a registry to which nobody has pushed', () => {
  it('is fine as it is: the run says that it is empty, and makes nothing', async () => {
    await using registry = await startRegistry();
    const document = await expectLeftAlone(registry);
    expect(document).toMatchObject({ outcome: 'empty', exitCode: 0, error: null, collector: null });
    const { stdout, exitCode } = await program(['run', '--config', configFor(registry)]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('The registry is empty')]);
    expect(existsSync(join(registry.root, 'docker'))).toBe(false);
  });

  it.each([
    ['is stopped', []],
    ['has made docker/registry/v2 only', ['docker/registry/v2/']],
    ['has made docker/registry only', ['docker/registry/']],
    ['has made docker only', ['docker/']],
    ['lies at the root of a file system', ['lost+found/']],
    ['was cleaned before', ['.registry-cleanup/', 'docker/registry/v2/']],
    ['was a pull-through cache', ['scheduler-state.json']],
  ])('is empty where it %s', async (_how, paths) => {
    await using registry = await startRegistry({ start: false });
    make(registry, paths);
    const document = await expectLeftAlone(registry, { live: 'stopped' });
    expect(document).toMatchObject({ outcome: 'empty', exitCode: 0, error: null });
  });

  it('is refused where its root does not exist, which may be a disk that is not mounted', async () => {
    await using registry = await startRegistry();
    rmSync(registry.root, { recursive: true });
    const { pid } = registry;
    for (const dryRun of [true, false]) {
      const document = await runHere(configFor(registry), { flags: { dryRun } });
      expectRefusal(document, registry.root);
      expect(existsSync(registry.root)).toBe(false);
    }
    expect(registry.pid).toBe(pid);
  });
});

describe('a root that is something else’s', () => {
  it.each([
    ['files of somebody', ['thesis/chapter-1.tex']],
    ['one file', ['notes.txt']],
    ['a directory that is empty', ['photos/']],
    ['the data of a Docker Engine', ['docker/overlay2/abc/diff/bin/sh', 'docker/image/']],
    ['a registry one directory further down', ['registry/docker/registry/v2/repositories/', 'registry/x']],
    ['a storage of registry 1', ['repositories/library/app/tag_latest', 'images/abc/layer']],
    ['what comes after docker/registry/v2', ['repositories/app/_layers/', 'blobs/sha256/']],
    ['a storage of a later version', ['docker/registry/v3/repositories/']],
  ])('is refused with the tree as it was: %s', async (_what, paths) => {
    await using registry = await startRegistry({ start: false });
    make(registry, paths);
    const document = await expectLeftAlone(registry, { live: 'stopped' });
    expectRefusal(document, registry.root);
  });
});

describe('half a storage', () => {
  it.each([
    ['repositories', [`${at.repositories}/`]],
    ['blobs', [`${at.blobs}/`]],
    ['both', [`${at.repositories}/`, `${at.blobs}/`]],
    ['repositories with an empty repository', [`${at.repositories}/app/_uploads/`]],
  ])('has nothing to clean where there is nothing in it: %s', async (_what, paths) => {
    await using registry = await startRegistry();
    make(registry, paths);
    const document = await expectLeftAlone(registry);
    expect(document).toMatchObject({ outcome: 'nothing-to-do', exitCode: 0, error: null });
  });

  it('has nothing to clean where the first push of all is still going on', async () => {
    await using registry = await startRegistry();
    await startUpload(registry.url, 'team/app', noise('half'));
    expect(existsSync(join(registry.root, at.blobs))).toBe(false);
    const document = await expectLeftAlone(registry);
    expect(document).toMatchObject({ outcome: 'nothing-to-do', exitCode: 0, error: null });
  });

  it.each([
    ['repositories with tags, and no blobs', at.blobs],
    ['blobs, and no repositories', at.repositories],
  ])('is refused with the tree as it was: %s', async (_what, gone) => {
    await using registry = await startRegistry();
    await pushImage(registry.url, 'team/app', 'v1');
    rmSync(join(registry.root, gone), { recursive: true });
    const document = await expectLeftAlone(registry);
    expectRefusal(document, join(registry.root, gone));
  });

  it('is refused with the tree as it was: repositories with layer links alone, and no blobs', async () => {
    await using registry = await startRegistry();
    await pushBlob(registry.url, 'team/app', noise('layer'));
    rmSync(join(registry.root, at.blobs), { recursive: true });
    const document = await expectLeftAlone(registry);
    expectRefusal(document, join(registry.root, at.blobs));
  });
});

describe('a configuration that names another storage than the live registry uses', () => {
  it('follows the live registry’s own environment, and leaves the storage in the file alone', async () => {
    using real = temporaryDirectory();
    const env = { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: real.path };
    await using registry = await startRegistry({ env });
    await superseded(registry);
    expect(existsSync(join(real.path, 'docker'))).toBe(true);
    await plant(registry);
    const before = closure(real.path);
    const other = snapshot(registry.root, { ignoreState: false });

    const document = await runHere(configFor(registry));
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1 } });
    assertNothingLost(before, closure(real.path));
    expect(unreachable(real.path)).toEqual(nothing);
    expect(diff(other, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
  });

  it('is refused where the live registry was started with another file', async () => {
    await using live = await startRegistry();
    await superseded(live);
    await using other = await startRegistry({ port: live.port, start: false });
    for (const fill of [async () => {}, () => plant(other)]) {
      await fill();
      const trees = [live, other].map(({ root }) => snapshot(root, { ignoreState: false }));
      const { pid } = live;
      for (const dryRun of [true, false]) {
        const document = await runHere(configFor(live, { registry: { config: other.configFile } }), {
          flags: { dryRun },
        });
        expectRefusal(document, other.root);
      }
      const now = [live, other].map(({ root }) => snapshot(root));
      expect(trees.flatMap((tree, index) => changes(tree, now[index] ?? new Map()))).toEqual([]);
      expect(live.pid).toBe(pid);
    }
  });

  it.each([
    ['empty', async () => {}],
    ['another registry’s', superseded],
  ])('is refused where clients find repositories that it does not hold: it is %s', async (_what, fill) => {
    await using used = await startRegistry();
    await pushImage(used.url, 'only/here', 'v1');
    await using configured = await startRegistry();
    await fill(configured);
    const document = await expectLeftAlone(configured, { registry: { url: used.url } });
    expectRefusal(document, configured.root);
    expect(document.error?.details.join('\n')).toContain('only/here');
  });

  it('is refused where an earlier tool’s variable says otherwise', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    using other = temporaryDirectory();
    const document = await expectLeftAlone(registry, {}, { env: { REGISTRY_DATA_DIR: other.path } });
    expectRefusal(document, other.path);
  });

  it('follows our own environment where no registry runs', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    await registry.stop();
    using empty = temporaryDirectory();
    const before = snapshot(registry.root, { ignoreState: false });
    const env = { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: empty.path };
    const document = await runHere(configFor(registry, { live: 'stopped' }), { env });
    expect(document).toMatchObject({ outcome: 'empty', exitCode: 0 });
    expect(diff(before, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
  });
});

/** A dry run and a run, both of which leave the tree as it was and the live registry running; what the latter said. */
async function expectLeftAlone(
  registry: TestRegistry,
  configuration: ConfigOptions = {},
  options: RunHereOptions = {},
): Promise<Report> {
  const config = configFor(registry, configuration);
  const { pid } = registry;
  const before = snapshot(registry.root, { ignoreState: false });
  const dry = await runHere(config, { ...options, flags: { dryRun: true } });
  expect(diff(before, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
  const document = await runHere(config, options);
  expect(changes(before, snapshot(registry.root))).toEqual([]);
  expect([dry.outcome, dry.exitCode]).toEqual([document.outcome, document.exitCode]);
  const closing = ['stop', 'readonly', 'apply', 'rehearse', 'collect', 'tidy'];
  expect(document.steps.filter(({ id }) => closing.includes(id))).toEqual([]);
  expect(registry.pid).toBe(pid);
  return document;
}

/** What is different below the root, the program's own state apart. */
function changes(
  before: ReturnType<typeof snapshot>,
  after: ReturnType<typeof snapshot>,
): readonly unknown[] {
  return diff(before, after).filter(({ path }) => path !== '' && !/^\.registry-cleanup(?:\/|$)/.test(path));
}

/** Exit 6, and one line at least that names `path` and what to do. */
function expectRefusal(document: Report, path: string): void {
  expect(document).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
  const { details = [] } = document.error ?? {};
  expect(
    details.filter((detail) => detail.startsWith(path)),
    details.join('\n'),
  ).not.toEqual([]);
  for (const detail of details) expect(detail).toMatch(/\. \S.+\.$/s);
}

/** Files and (ending with a slash) directories below the registry's root. */
function make(registry: TestRegistry, paths: readonly string[]): void {
  for (const path of paths) {
    const file = join(registry.root, path);
    mkdirSync(path.endsWith('/') ? file : dirname(file), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(file, 'something');
  }
}

/** One tag, and one manifest that it has left behind. */
async function superseded(registry: TestRegistry): Promise<void> {
  await pushImage(registry.url, 'team/app', 'v1', { seed: 'old' });
  await pushImage(registry.url, 'team/app', 'v1', { seed: 'new' });
}

/** Fills the root that a registry's file names with the litter of some other registry. */
async function plant(registry: TestRegistry): Promise<void> {
  await using other = await startRegistry({ root: registry.root });
  await superseded(other);
}
