import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at } from '../support/layout.ts';
import { assertNothingLost, closure, skopeoCopyAll, unreachable } from '../support/oracle.ts';
import {
  deleteManifest,
  emptyConfig,
  noise,
  pushArtifact,
  pushCosign,
  pushFallbackTag,
  pushImage,
  pushIndex,
  pushMultiArch,
  startUpload,
} from '../support/push.ts';
import { collect, startRegistry, type TestRegistry } from '../support/registry.ts';
import { count, diff, snapshot, stateDirectory } from '../support/tree.ts';

let registry: TestRegistry;
let root: string;
let url: string;

beforeEach(async () => {
  registry = await startRegistry();
  ({ root, url } = registry);
});
afterEach(() => registry[Symbol.asyncDispose]());

const nothing = { revisions: [], layerLinks: [], tagHistory: [], blobs: [] };

describe('a snapshot', () => {
  it('differs in nothing while nobody writes', async () => {
    await pushImage(url, 'app', 'v1');
    const before = snapshot(root);
    await fetch(`${url}/v2/app/tags/list`);
    expect(diff(before, snapshot(root))).toEqual([]);
  });

  it('tells one changed byte, though size and time are as they were', () => {
    const file = put('docker/file', 'aaaa');
    utimesSync(file, 1, 1);
    const before = snapshot(root);
    writeFileSync(file, 'aaba');
    utimesSync(file, 1, 1);
    expect(diff(before, snapshot(root))).toEqual([
      { path: 'docker/file', change: 'changed', what: 'content' },
    ]);
  });

  it('tells what came, what went, and the time of the directory that it was in', () => {
    put('docker/went', '');
    utimesSync(join(root, 'docker'), 1, 1);
    const before = snapshot(root);
    renameSync(join(root, 'docker/went'), join(root, 'docker/came'));
    expect(diff(before, snapshot(root))).toEqual([
      { path: 'docker', change: 'changed', what: expect.stringMatching(/^time /) },
      { path: 'docker/came', change: 'added', what: '' },
      { path: 'docker/went', change: 'removed', what: '' },
    ]);
  });

  it('tells a touched file, changed rights, a retargeted symlink, and does not open a FIFO', () => {
    put('touched', '');
    put('rights', '');
    symlinkSync('one', join(root, 'symlink'));
    execFileSync('mkfifo', [join(root, 'fifo')]);
    const before = snapshot(root);
    expect(before.get('fifo')?.type).toBe('other');
    utimesSync(join(root, 'touched'), 1, 1);
    execFileSync('chmod', ['600', join(root, 'rights')]);
    rmSync(join(root, 'symlink'));
    symlinkSync('two', join(root, 'symlink'));
    expect(diff(before, snapshot(root)).map(({ path }) => path)).toEqual(['rights', 'symlink', 'touched']);
  });

  it('leaves the state directory out, and counts it when asked to', () => {
    const before = { without: snapshot(root), with: snapshot(root, { ignoreState: false }) };
    put(`${stateDirectory}/lock`, 'held');
    expect(diff(before.without, snapshot(root))).toEqual([]);
    expect(diff(before.with, snapshot(root, { ignoreState: false })).map(({ path }) => path)).toEqual([
      '',
      stateDirectory,
      `${stateDirectory}/lock`,
    ]);
  });
});

describe('the counts', () => {
  it('are those of what was pushed', async () => {
    const seed = 'same';
    const images = [
      await pushImage(url, 'app', 'v1', { seed: 'old' }),
      await pushImage(url, 'app', 'v1', { seed }),
      await pushImage(url, 'app', 'v2', { seed }),
      await pushImage(url, 'app/nested', 'v1', { seed }),
    ];
    await startUpload(url, 'uploading');
    await registry.stop();
    rmSync(join(root, at.current('app', 'v2')));
    const blobs = new Set(images.flatMap(({ digest, blobs: [config, layer] }) => [digest, config, layer]));
    const bytes = [...blobs].map((digest) => readFileSync(join(root, at.blob(digest ?? ''))).length);
    expect(count(root)).toEqual({
      repositories: 3,
      tags: 2,
      manifests: 3,
      layerLinks: 6,
      blobs: 6,
      bytes: bytes.reduce((a, b) => a + b),
    });
  });

  it('take only files for links and blobs', () => {
    mkdirSync(join(root, at.current('app', 'v1')), { recursive: true });
    put('docker/registry/v2/blobs/sha256/target', 'elsewhere');
    symlinkSync('target', join(root, 'docker/registry/v2/blobs/sha256/data'));
    expect(count(root)).toMatchObject({ repositories: 1, tags: 0, blobs: 0, bytes: 0 });
  });

  it('are all 0 where nothing was ever pushed', () => {
    expect(count(root)).toEqual({
      repositories: 0,
      tags: 0,
      manifests: 0,
      layerLinks: 0,
      blobs: 0,
      bytes: 0,
    });
  });
});

describe('what nothing needs', () => {
  it('is nothing when everything is tagged, a child, a referrer, or of one of these', async () => {
    const { index } = await pushMultiArch(url, 'app', undefined);
    const nested = await pushIndex(url, 'app', 'nested', [index, await pushImage(url, 'app', undefined)]);
    const sbom = await pushArtifact(url, 'app', undefined, { subject: nested });
    const signature = await pushArtifact(url, 'app', undefined, { subject: sbom, seed: 'signature' });
    await pushArtifact(url, 'app', undefined, { subject: index, seed: 'of a child' });
    await pushFallbackTag(url, 'app', signature, [await pushCosign(url, 'app', signature)]);
    expect(unreachable(root)).toEqual(nothing);
  });

  it('is, of an overwritten tag, all that only the old manifest named', async () => {
    const common = noise('common');
    const old = await pushImage(url, 'app', 'v1', { seed: 'old', layers: [common, noise('old')] });
    await pushImage(url, 'app', 'v1', { seed: 'new', layers: [common, noise('new')] });
    const [config = '', , layer = ''] = old.blobs;
    expect(unreachable(root)).toEqual({
      revisions: [at.revision('app', old.digest)],
      layerLinks: [at.layer('app', config), at.layer('app', layer)].sort(),
      tagHistory: [at.history('app', 'v1', old.digest)],
      blobs: [at.blob(old.digest), at.blob(config), at.blob(layer)].sort(),
    });
  });

  it('is the link here and not the blob, where another repository has the manifest tagged', async () => {
    const seed = 'shared';
    await pushImage(url, 'aaa', 'v1', { seed });
    const image = await pushImage(url, 'bbb', undefined, { seed });
    expect(unreachable(root)).toEqual({
      ...nothing,
      revisions: [at.revision('bbb', image.digest)],
      layerLinks: image.blobs.map((blob) => at.layer('bbb', blob)).sort(),
    });
  });

  it('is not a referrer’s subject, nor a referrer of what is not needed', async () => {
    const image = await pushImage(url, 'app', 'v1');
    const sbom = await pushArtifact(url, 'app', 'sbom', { subject: image });
    const other = await pushArtifact(url, 'app', undefined, { subject: image, seed: 'other' });
    await registry.stop();
    rmSync(join(root, at.tag('app', 'v1')), { recursive: true });
    const { revisions, layerLinks } = unreachable(root);
    expect(revisions).toEqual([at.revision('app', image.digest), at.revision('app', other.digest)].sort());
    expect(layerLinks).not.toContain(at.layer('app', sbom.blobs[0] ?? ''));
    expect(sbom.blobs[0]).toBe(other.blobs[0]);
    expect(readFileSync(join(root, at.blob(sbom.blobs[0] ?? '')))).toEqual(Buffer.from(emptyConfig));
  });

  it('leaves the last layer link to a repository that has manifests, and takes it from one that has not', async () => {
    const image = await pushImage(url, 'app', 'v1');
    await pushIndex(url, 'app', 'empty', []);
    await deleteManifest(url, 'app', image.digest);
    expect(unreachable(root).layerLinks).toHaveLength(1);
    await registry.stop();
    rmSync(join(root, at.tag('app', 'empty')), { recursive: true });
    expect(unreachable(root).layerLinks).toHaveLength(2);
  });

  it('is what the collector takes, once the links are gone', async () => {
    await pushImage(url, 'app', 'v1', { seed: 'old' });
    await pushMultiArch(url, 'app', 'v1');
    const before = closure(root);
    await registry.stop();
    const { blobs, revisions, layerLinks, tagHistory } = unreachable(root);
    for (const path of [...tagHistory, ...revisions, ...layerLinks]) rmSync(join(root, path));
    expect((await collect(registry)).exitCode).toBe(0);
    expect(blobs.filter((path) => existsSync(join(root, path)))).toEqual([]);
    expect(unreachable(root)).toEqual(nothing);
    assertNothingLost(before, closure(root));
  });
});

describe('the closure of a tag', () => {
  beforeEach(async () => {
    const { index, images } = await pushMultiArch(url, 'app', 'v1');
    await pushArtifact(url, 'app', undefined, { subject: images[0] });
    await pushIndex(url, 'app', 'nested', [index]);
    await registry.stop();
  });

  it('holds the links and blobs of children and referrers, all whole', () => {
    const all = closure(root);
    expect([...all.keys()].sort()).toEqual(['app:nested', 'app:v1']);
    // An index, two images, the artifact: each with its revision link and blob; of three a config and a layer with
    // a link and a blob; and the tag.
    expect(all.get('app:v1')).toMatchObject({ sparse: [], damaged: [] });
    expect(all.get('app:v1')?.manifests).toHaveLength(4);
    expect(all.get('app:v1')?.paths).toHaveLength(4 * 2 + 3 * 2 * 2 + 1);
    expect(all.get('app:nested')?.manifests).toHaveLength(5);
  });

  it('is lost when any one file of it is removed, emptied or changed', () => {
    const before = closure(root);
    const paths = before.get('app:v1')?.paths ?? [];
    expect(paths.length).toBeGreaterThan(20);
    for (const path of paths) {
      const file = join(root, path);
      const was = readFileSync(file);
      for (const spoil of [
        () => rmSync(file),
        () => writeFileSync(file, ''),
        () => writeFileSync(file, Buffer.from(was.map((byte, i) => (i === 0 ? byte ^ 1 : byte)))),
      ]) {
        spoil();
        expect(() => assertNothingLost(before, closure(root)), path).toThrow('app:v1');
        writeFileSync(file, was);
      }
    }
    assertNothingLost(before, closure(root));
  });

  it('is lost when a revision link names another manifest than its path', () => {
    const before = closure(root);
    const [first = '', second = ''] = before.get('app:v1')?.manifests ?? [];
    writeFileSync(join(root, at.revision('app', first)), second);
    expect(() => assertNothingLost(before, closure(root))).toThrow(at.revision('app', first));
  });

  it('is lost when its tag names another manifest', () => {
    const before = closure(root);
    const nested = before.get('app:nested')?.target ?? '';
    writeFileSync(join(root, at.current('app', 'v1')), nested);
    expect(() => assertNothingLost(before, closure(root))).toThrow(`→ ${nested}`);
  });

  it('is not lost by damage that was there before, nor by new tags', async () => {
    const layer = closure(root)
      .get('app:v1')
      ?.paths.find((path) => path.includes('/blobs/'));
    rmSync(join(root, layer ?? ''));
    const before = closure(root);
    expect(before.get('app:v1')?.damaged).toContain(layer);
    await registry.start();
    await pushImage(url, 'other', 'v1');
    assertNothingLost(before, closure(root));
  });

  it('tells a child that this repository has no link for, and still minds its manifest', () => {
    const child = closure(root)
      .get('app:v1')
      ?.manifests.find((digest) => digest !== closure(root).get('app:v1')?.target);
    rmSync(join(root, at.revision('app', child ?? '')));
    const before = closure(root);
    expect(before.get('app:v1')).toMatchObject({ sparse: [child], damaged: [] });
    rmSync(join(root, at.blob(child ?? '')));
    expect(() => assertNothingLost(before, closure(root))).toThrow(at.blob(child ?? ''));
  });
});

describe('a copy by skopeo', () => {
  it('has every manifest of the tag, and is the same twice', async () => {
    const { index, images } = await pushMultiArch(url, 'app', 'v1', { dialect: 'docker' });
    const first = await skopeoCopyAll(url, 'app', 'v1', directory('first'));
    expect(first.manifests).toEqual([index, ...images].map(({ digest }) => digest).sort());
    await registry.restart();
    expect(await skopeoCopyAll(url, 'app', 'v1', directory('second'))).toEqual(first);
  });

  it('fails when a layer is not what it should be', async () => {
    const image = await pushImage(url, 'app', 'v1');
    await registry.stop();
    put(at.blob(image.blobs[1] ?? ''), noise('other'));
    await registry.start();
    await expect(skopeoCopyAll(url, 'app', 'v1', directory('copy'))).rejects.toThrow();
  });
});

function put(path: string, content: string | Uint8Array): string {
  const file = join(root, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
  return file;
}

function directory(name: string): string {
  return join(registry.directory, name);
}
