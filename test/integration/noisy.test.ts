import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { designNoise } from '../../src/noise/design.ts';
import { parseNoise } from '../../src/noise/options.ts';
import { pushNoise } from '../../src/noise/push.ts';
import { createClient } from '../../src/registry/client.ts';
import { at, digestOf } from '../support/layout.ts';
import { assertNothingLost, type Closures, closure, unreachable } from '../support/oracle.ts';
import { configFor, program } from '../support/program.ts';
import {
  deleteManifest,
  mountBlob,
  noise,
  pushArtifact,
  pushBlob,
  pushCosign,
  pushFallbackTag,
  pushImage,
  pushIndex,
  pushMultiArch,
  startUpload,
} from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { skopeoCopyAll } from '../support/skopeo.ts';
import { count } from '../support/tree.ts';

const seed = process.env.SEED ?? String(Date.now() % 2 ** 31);
/** The machine's cores are few, and the registry needs one. */
const copiesAtOnce = 2;

describe(`a noisy registry (seed ${seed})`, () => {
  it('copies out with skopeo as before the run, holds nothing unreachable after it, and satisfies check', async () => {
    await using registry = await startRegistry();
    await makeNoise(registry);
    await makeMore(registry.url);
    const config = configFor(registry);
    const before = { closures: closure(registry.root), counts: count(registry.root) };
    expect(before.counts.repositories).toBeGreaterThanOrEqual(20);
    expectLitter(registry.root);
    const ways = waysToCopy(registry.root, before.closures);
    const copied = await copyAll(registry, ways);

    const document = await runHere(config);

    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, error: null, warnings: [] });
    const after = closure(registry.root);
    assertNothingLost(before.closures, after);
    expect([...after.keys()].sort()).toEqual([...before.closures.keys()].sort());
    expect(unreachable(registry.root)).toEqual({ revisions: [], layerLinks: [], tagHistory: [], blobs: [] });
    expect(await copyAll(registry, ways)).toEqual(copied);

    const checked = await program(['check', '--config', config]);
    expect(checked, checked.stdout).toMatchObject({ exitCode: 0 });
    const read = await program(['check', '--read-data', '--json', '--config', config]);
    expect(read, read.stderr).toMatchObject({ exitCode: 0 });
    const { blobs, bytes } = count(registry.root);
    expect(JSON.parse(read.stdout)).toMatchObject({ outcome: 'ok', findings: [], read: { blobs, bytes } });
  }, 240_000);
});

/** Overwritten tags, shared layers, indexes, nested ones, charts, referrers of three kinds: what `noise` makes. */
async function makeNoise(registry: TestRegistry): Promise<void> {
  const options = parseNoise({
    images: '60',
    repositories: '20',
    tags: '2',
    layers: '3',
    layerSize: '200-1500',
    shared: '0.4',
    multiarch: '0.3',
    nested: '0.3',
    charts: '0.1',
    referrers: '0.3',
    seed,
  });
  const client = createClient({ url: registry.url });
  try {
    await pushNoise(designNoise(options), { client, seed: options.seed });
  } finally {
    await client.close();
  }
}

/** What `noise` lacks. */
async function makeMore(url: string): Promise<void> {
  const base = noise(`${seed} base`, 900);
  const dead = noise(`${seed} dead`, 900);
  // One layer in several repositories and images; another one too, of which only doomed images are left.
  for (const [repository, round] of [
    ['more/one', 'old'],
    ['more/one', 'new'],
    ['more/one/inside/deep', 'old'],
    ['more/one/inside/deep', 'new'],
    ['more/two', 'old'],
    ['more/two', 'new'],
  ] as const) {
    const own = noise(`${seed} ${repository} ${round}`);
    const layers = round === 'old' ? [base, dead, own] : [base, own, own];
    const dialect = repository === 'more/two' ? 'docker' : 'oci';
    await pushImage(url, repository, 'v1', { seed: `${seed} ${repository} ${round}`, layers, dialect });
  }
  // The same manifest tagged here, and overwritten there.
  await pushImage(url, 'more/two', 'same', { seed: `${seed} same` });
  await pushImage(url, 'more/three', 'same', { seed: `${seed} same` });
  await pushImage(url, 'more/three', 'same', { seed: `${seed} other` });
  // An image that is both a tag's own and a child; referrers of the child, and of a referrer.
  const { index, images } = await pushMultiArch(url, 'more/multi', 'v1', { seed, platforms: 3 });
  await pushMultiArch(url, 'more/multi', 'old', { seed: `${seed} old` });
  await pushImage(url, 'more/multi', 'old', { seed: `${seed} now` });
  const [child, second] = images;
  if (child === undefined || second === undefined) throw new Error('three platforms have two');
  await pushImage(url, 'more/multi', 'amd64', { seed: `${seed}/0` });
  const sbom = await pushArtifact(url, 'more/multi', undefined, { subject: child });
  await pushArtifact(url, 'more/multi', undefined, { subject: sbom, seed: `${seed} of a referrer` });
  await pushFallbackTag(url, 'more/multi', second, [
    await pushArtifact(url, 'more/multi', undefined, { subject: second }),
  ]);
  for (const kind of ['sig', 'att', 'sbom'] as const) await pushCosign(url, 'more/multi', index, kind);
  // An index of indexes of indexes, in a repository of its own.
  const inner = await pushMultiArch(url, 'more/nested', undefined, { seed: `${seed} inner` });
  const middle = await pushIndex(url, 'more/nested', undefined, [inner.index]);
  const lone = await pushImage(url, 'more/nested', undefined, { seed: `${seed} lone` });
  await pushIndex(url, 'more/nested', 'v1', [middle, lone]);
  // Referrers of what is doomed; what was deleted; and pushes that were never finished.
  const doomed = await pushImage(url, 'more/doomed', undefined, { seed: `${seed} doomed` });
  await pushArtifact(url, 'more/doomed', undefined, { subject: doomed });
  await pushImage(url, 'more/doomed', 'v1');
  const deleted = await pushImage(url, 'more/doomed', 'gone', { seed: `${seed} deleted` });
  await deleteManifest(url, 'more/doomed', deleted.digest);
  const orphan = await pushBlob(url, 'more/doomed', noise(`${seed} orphan`));
  await mountBlob(url, 'more/three', orphan, 'more/doomed');
  await startUpload(url, 'more/doomed', noise(`${seed} upload`));
}

/** A run over a storage without litter would prove nothing. */
function expectLitter(root: string): void {
  for (const [kind, paths] of Object.entries(unreachable(root)))
    expect(paths.length, kind).toBeGreaterThan(10);
}

/** How a tag is copied: by references that skopeo takes, and indexes of indexes that are asked for over the API. */
interface Copying {
  readonly name: string;
  readonly references: readonly string[];
  readonly outer: readonly { readonly digest: string; readonly mediaType: string }[];
}

/**
 * skopeo 1.9, which Debian 12 has, cannot copy an index that has indexes in it: of such a tag every manifest that is no
 * index of indexes is copied by its digest. Their closures are the oracle's business like everybody's.
 */
function waysToCopy(root: string, closures: Closures): Copying[] {
  return [...closures].map(([name, { target }]) => {
    const outer = outerIndexes(root, target);
    const inner = new Set(outer.flatMap((digest) => childrenOf(root, digest)));
    return {
      name,
      references: outer.length === 0 ? [tagOf(name)] : [...inner].filter((digest) => !outer.includes(digest)),
      outer: outer.map((digest) => ({ digest, mediaType: manifestAt(root, digest).mediaType })),
    };
  });
}

/** `repository:tag` → name of the copied file → sha256 of its bytes. */
async function copyAll(
  registry: TestRegistry,
  ways: readonly Copying[],
): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  const copies = new Map<string, Record<string, string>>();
  const jobs = ways.flatMap(({ name, references, outer }) => {
    const files: Record<string, string> = {};
    copies.set(name, files);
    return [
      ...references.map((reference) => () => copyOut(registry, name, reference, files)),
      ...outer.map((index) => () => fetchIndex(registry, name, index, files)),
    ];
  });
  const rest = jobs.values();
  const worker = async (): Promise<void> => {
    for (const job of rest) await job();
  };
  await Promise.all(Array.from({ length: copiesAtOnce }, worker));
  return copies;
}

async function copyOut(
  registry: TestRegistry,
  name: string,
  reference: string,
  files: Record<string, string>,
): Promise<void> {
  const directory = mkdtempSync(join(registry.directory, 'copy-'));
  const copied = await skopeoCopyAll(registry.url, repositoryOf(name), reference, directory);
  rmSync(directory, { recursive: true });
  if (reference.includes(':')) expect(copied.manifests).toContain(reference);
  for (const [file, hex] of copied.files) files[`${reference}/${file}`] = hex;
}

async function fetchIndex(
  { url }: TestRegistry,
  name: string,
  { digest, mediaType }: Copying['outer'][number],
  files: Record<string, string>,
): Promise<void> {
  for (const reference of [tagOf(name), digest]) {
    const answer = await fetch(`${url}/v2/${repositoryOf(name)}/manifests/${reference}`, {
      headers: { accept: mediaType },
    });
    expect(answer.status, `${name} ${reference}`).toBe(200);
    files[reference] = digestOf(new Uint8Array(await answer.arrayBuffer()));
  }
  expect(files[digest]).toBe(digest);
}

function repositoryOf(name: string): string {
  return name.slice(0, name.lastIndexOf(':'));
}

function tagOf(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1);
}

/** `digest` and those below it that have an index among their children. */
function outerIndexes(root: string, digest: string): string[] {
  const children = childrenOf(root, digest);
  const below = children.flatMap((child) => outerIndexes(root, child));
  return children.some((child) => childrenOf(root, child).length > 0) ? [digest, ...below] : below;
}

function childrenOf(root: string, digest: string): string[] {
  return (manifestAt(root, digest).manifests ?? []).map((child) => child.digest);
}

function manifestAt(root: string, digest: string): { mediaType: string; manifests?: { digest: string }[] } {
  return JSON.parse(readFileSync(join(root, at.blob(digest)), 'utf8'));
}
