import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { designNoise } from '../../src/noise/design.ts';
import { parseNoise } from '../../src/noise/options.ts';
import { pushNoise } from '../../src/noise/push.ts';
import { createClient } from '../../src/registry/client.ts';
import { at, digestOf } from '../support/layout.ts';
import { type Model, readModel, referencesOf } from '../support/model.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { configFor, type Figures, type Report } from '../support/program.ts';
import { deleteManifest, noise, pushBlob, pushImage, pushMultiArch, startUpload } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { count, walk } from '../support/tree.ts';

const seed = process.env.SEED ?? String(Date.now() % 2 ** 31);
/** The registry removes old uploads by itself, at a random minute after its start. Here only the program may. */
const quietRegistry = { storage: { maintenance: { uploadpurging: { enabled: false } } } };
const figures = ['repositories', 'tags', 'manifests', 'layerLinks', 'blobs', 'bytes'] as const;

interface Counted {
  readonly figures: Figures;
  readonly uploads: number;
  readonly model: Model;
  readonly sizes: ReadonlyMap<string, number>;
}

describe(`the figures of a run (seed ${seed})`, () => {
  let before: Counted;
  let after: Counted;
  let foretold: Report;
  let report: Report;
  let emptyDirectories: readonly string[];

  beforeAll(async () => {
    await using registry = await startRegistry({ config: quietRegistry });
    await fill(registry);
    const config = configFor(registry, {
      registry: { drain: { quiet: '0s' } },
      more: { repositories: { removeEmpty: true } },
    });
    before = counted(registry.root);
    const needed = closure(registry.root);
    foretold = await runHere(config, { flags: { dryRun: true } });
    report = await runHere(config);
    expect(report).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      error: null,
      warnings: [
        expect.stringContaining('a tag that resolves to nothing'),
        expect.stringContaining('an index names this manifest, which its repository does not have'),
      ],
    });
    after = counted(registry.root);
    emptyDirectories = emptyBelow(registry.root);
    assertNothingLost(needed, closure(registry.root));
  });

  it('tell before and after as a plain walk counts them', () => {
    expect(report.before).toEqual(before.figures);
    expect(report.after).toEqual(after.figures);
    for (const figure of figures) {
      // No policy lets a tag go.
      if (figure === 'tags') expect(after.figures.tags).toBe(before.figures.tags);
      else expect(after.figures[figure], figure).toBeLessThan(before.figures[figure]);
    }
  });

  it('tell as removed what is not there any more', () => {
    const gone = Object.fromEntries(
      figures.map((figure) => [figure, before.figures[figure] - after.figures[figure]]),
    );
    expect(report.removed).toEqual({ ...gone, uploads: before.uploads - after.uploads });
  });

  it('are what a dry run foretold', () => {
    expect(foretold.before).toEqual(report.before);
    expect(foretold.removed).toEqual(report.removed);
    expect(foretold.repositories).toEqual(report.repositories);
  });

  it('add up over the repositories, each blob once, without the blobs that none of them names', () => {
    const freed = [...before.model.blobs.keys()].filter((digest) => !after.model.blobs.has(digest));
    const named = namedBlobs(before.model);
    const sizeOf = (digests: readonly string[]) =>
      digests.reduce((sum, digest) => sum + (before.sizes.get(digest) ?? 0), 0);
    const nobodys = freed.filter((digest) => !named.has(digest));
    expect(nobodys.length).toBeGreaterThan(0);
    expect(report.repositories.reduce((sum, { bytesFreed }) => sum + bytesFreed, 0)).toBe(
      report.removed.bytes - sizeOf(nobodys),
    );
    expect(report.removed.bytes).toBe(sizeOf(freed));
  });

  it('tell of each repository how many manifests it had and has, and leave out those that did not change', () => {
    const told = new Map(report.repositories.map((figures) => [figures.name, figures]));
    for (const [name, { revisions, layers }] of before.model.repositories) {
      const now = after.model.repositories.get(name);
      const was = revisions.size;
      const is = now?.revisions.size ?? 0;
      const changed = was !== is || layers.size !== (now?.layers.size ?? 0);
      expect(told.get(name), name).toEqual(
        changed ? expect.objectContaining({ manifestsBefore: was, manifestsAfter: is }) : undefined,
      );
    }
  });

  it('leave no empty directory that no registry needs, and no repository nested in an empty one is lost', () => {
    expect(emptyDirectories.filter((path) => !/\/(?:_layers|_manifests|tags|revisions)$/.test(path))).toEqual(
      [],
    );
    const left = [...after.model.repositories.keys()];
    expect(left).toContain('lonely/app/nested');
    expect(left).not.toContain('lonely/app');
  });
});

/** Something of everything that is counted, or might be counted wrongly. The registry runs on. */
async function fill(registry: TestRegistry): Promise<void> {
  const { url, root } = registry;
  await makeNoise(url);
  // A layer of doomed images in three repositories, and one that a single tag keeps.
  const dead = noise(`${seed} dead`, 4000);
  const shared = noise(`${seed} shared`, 3000);
  for (const repository of ['share/one', 'share/two', 'share/two/nested']) {
    await pushImage(url, repository, 'v1', { seed: `${seed} old`, layers: [dead, shared] });
    const layers = repository === 'share/one' ? [shared] : undefined;
    await pushImage(url, repository, 'v1', { seed: `${seed} ${repository}`, layers });
  }
  await pushBlob(url, 'share/two', noise(`${seed} without a manifest`, 700));
  // Deleted through the API: a repository in an empty one, one in a full one, and an index without its children.
  for (const repository of ['lonely/app', 'full/app/empty', 'full/app/empty/too']) {
    const image = await pushImage(url, repository, 'v1', { seed: `${seed} ${repository}` });
    await deleteManifest(url, repository, image.digest);
  }
  for (const repository of ['lonely/app/nested', 'full/app']) await pushImage(url, repository, 'v1');
  const { images } = await pushMultiArch(url, 'sparse/app', 'v1', { seed });
  for (const { digest } of images) await deleteManifest(url, 'sparse/app', digest);
  // Uploads: old by all their files, old but for one file, young; alone in a repository and not.
  for (const [repository, age] of [
    ['full/app', 'old'],
    ['full/app', 'old'],
    ['full/app', 'young'],
    ['full/app', 'half'],
    ['uploads/old', 'old'],
    ['uploads/young', 'young'],
  ] as const) {
    const { id } = await startUpload(url, repository, noise(`${seed} upload`));
    if (age !== 'young') makeOld(join(root, at.upload(repository, id)), age === 'old');
  }
  // What only a look at the disk finds.
  const stray = noise(`${seed} without a link`, 900);
  put(join(root, at.blob(digestOf(stray))), stray);
  const hex = digestOf(noise(seed)).slice('sha256:'.length);
  for (const empty of [
    `${at.blobs}/sha256/${hex.slice(0, 2)}/${hex}`,
    `${at.repository('full/app')}/_layers/sha256/${hex}`,
    `${at.repository('full/app')}/_uploads`,
    `${at.repository('share/one')}/_manifests/revisions/sha256/${hex}`,
  ]) {
    mkdirSync(join(root, empty), { recursive: true });
  }
  rmSync(join(root, at.current('share/two', 'v1')));
}

async function makeNoise(url: string): Promise<void> {
  const options = parseNoise({
    images: '24',
    repositories: '4',
    tags: '2',
    layers: '3',
    layerSize: '100-900',
    shared: '0.5',
    multiarch: '0.3',
    nested: '0.3',
    referrers: '0.4',
    seed,
  });
  const client = createClient({ url });
  try {
    await pushNoise(designNoise(options), { client, seed });
  } finally {
    await client.close();
  }
}

/** A year old; `whole`: also its `data`, that is, nobody has sent anything since. */
function makeOld(upload: string, whole: boolean): void {
  const then = new Date(Date.now() - 365 * 86_400_000);
  writeFileSync(join(upload, 'startedat'), then.toISOString().replace(/\.\d+Z$/, 'Z'));
  for (const { path, stats } of walk(upload)) {
    if (stats.isFile() && (whole || path !== 'data')) utimesSync(join(upload, path), then, then);
  }
}

function put(path: string, content: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function counted(root: string): Counted {
  const model = readModel(root);
  // Before blobs are gone.
  for (const { revisions } of model.repositories.values()) {
    for (const digest of revisions.keys()) referencesOf(model, digest);
  }
  const uploads = [...walk(root)].filter(
    ({ path, stats }) => stats.isDirectory() && /\/_uploads\/[^/]+$/.test(path),
  );
  return {
    figures: count(root),
    uploads: uploads.length,
    model,
    sizes: new Map([...model.blobs].map(([digest, path]) => [digest, readFileSync(join(root, path)).length])),
  };
}

/** Digests of blobs that some repository links, or that a manifest which it links names. */
function namedBlobs(model: Model): ReadonlySet<string> {
  const named = new Set<string>();
  for (const { revisions, layers } of model.repositories.values()) {
    for (const digest of revisions.keys()) {
      named.add(digest);
      for (const blob of referencesOf(model, digest)?.blobs ?? []) named.add(blob);
    }
    for (const { target } of layers.values()) named.add(target);
  }
  return named;
}

/** Directories with nothing in them, below the driver's root. */
function emptyBelow(root: string): string[] {
  return [...walk(root)]
    .filter(({ path, stats }) => stats.isDirectory() && readdirSync(join(root, path)).length === 0)
    .map(({ path }) => path);
}
