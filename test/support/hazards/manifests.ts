import { at, digestOf } from '../layout.ts';
import { bytesOf, mediaTypes, noise, type Pushed, pushImage, pushMultiArch } from '../push.ts';
import type { Hazard, PerMajor, Told, Verdict } from './hazard.ts';
import type { Scene } from './scene.ts';
import { schema1Manifest } from './schema1.ts';
import { hex, named, overwritten } from './shared.ts';

/** Manifests that are gone, damaged or of no known kind, and blobs that they need and have not. */
export const manifests: readonly Hazard[] = [
  {
    id: 'missing-tagged-manifest',
    title: 'the manifest of a tag is gone from the blobs',
    source: 'registry.md 2.4-2',
    expect: 'refuse',
    check: ['error manifest-missing'],
    collector: 'harmless',
    async build(scene) {
      const { now } = await overwritten(scene);
      scene.remove(at.blob(now.digest));
      return { names: named('mid/app', 'v1', now.digest), place: at.blob(now.digest) };
    },
  },
  {
    id: 'missing-untagged-manifest',
    title: 'an untagged manifest is gone from the blobs, its revision link is left',
    source: 'field.md n',
    expect: 'clean',
    check: ['warning orphan-revisions'],
    collector: 'harmless',
    deleteUntagged: 'harmless',
    async build(scene) {
      const { old } = await overwritten(scene);
      scene.remove(at.blob(old.digest));
      return { place: at.revision('mid/app', old.digest) };
    },
  },
  {
    id: 'missing-child-manifest',
    title: 'the manifest of an index’s child is gone from the blobs, its revision link is left',
    source: 'registry.md 2.4-2',
    expect: 'refuse',
    check: ['error manifest-missing'],
    collector: 'harmless',
    async build(scene) {
      const { images } = await pushMultiArch(scene.url, 'mid/app', 'v1');
      const child = images[0]?.digest ?? '';
      await scene.offline();
      scene.remove(at.blob(child));
      return { names: named('mid/app', 'v1', child), place: at.blob(child) };
    },
  },
  ...damaged('empty', 'is empty', 'registry.md 2.4-2', 'aborts', () => ''),
  ...damaged('cut', 'is cut in the middle', 'registry.md 2.4-2', 'aborts', (was) => was.bytes.slice(0, 200)),
  ...damaged('binary', 'is no JSON at all', 'registry.md 2.4-2', 'aborts', () => noise('binary')),
  ...damaged('changed', 'was changed and still parses', 'registry.md 2.4-2', 'harmless', (was) =>
    new TextDecoder().decode(was.bytes).replace('"layers"', ' "layers"'),
  ),
  ...planted(
    'oversized',
    'is larger than 4 MiB',
    'registry.md 2.4-6',
    ['error manifest-damaged', 'obstacle manifest-damaged'],
    'aborts',
    oversized,
  ),
  ...planted(
    'oci-artifact',
    'is of a media type that no registry takes',
    'registry.md 2.2',
    ['obstacle manifest-unknown', 'obstacle manifest-unknown'],
    'aborts',
    () =>
      bytesOf(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.artifact.manifest.v1+json',
          artifactType: 'application/vnd.example.sbom',
          blobs: [{ mediaType: 'text/plain', digest: digestOf(noise('sbom')), size: 300 }],
        }),
      ),
  ),
  {
    id: 'tagged-schema1',
    title: 'the manifest of a tag is of schema 1',
    source: 'field.md k',
    expect: { 2: 'clean', 3: 'refuse' },
    check: { 2: [], 3: ['obstacle schema1'] },
    collector: { 2: 'harmless', 3: 'aborts' },
    async build(scene) {
      const digest = scene.plant('mid/app', 'old', await schema1(scene));
      return { names: named('mid/app', 'old', digest), place: at.revision('mid/app', digest) };
    },
  },
  {
    id: 'untagged-schema1',
    title: 'an untagged manifest is of schema 1',
    source: 'field.md k',
    expect: 'clean',
    check: [],
    collector: { 2: 'harmless', 3: 'aborts' },
    deleteUntagged: 'harmless',
    async build(scene) {
      const digest = scene.plant('mid/app', undefined, await schema1(scene));
      scene.age(at.revision('mid/app', digest), 1000);
      return {};
    },
  },
  absent('layer', 1),
  absent('config', 0),
  {
    id: 'sha512-layer',
    title: 'an image names a layer by its sha512, as it was pushed',
    source: 'registry.md 2.4-4',
    expect: 'refuse',
    check: ['obstacle other-algorithm'],
    collector: 'loses',
    async build(scene) {
      const image = await pushImage(scene.url, 'mid/app', 'v1', { algorithm: 'sha512' });
      await scene.offline();
      const place = at.revision('mid/app', image.digest);
      return { names: named('mid/app', 'v1', image.blobs[1] ?? ''), place };
    },
  },
  {
    id: 'blobs-gone',
    title: 'the blobs directory is gone, the repositories are left',
    source: 'registry.md 2.4-5',
    expect: 'refuse',
    check: ['error half-a-storage'],
    collector: 'aborts',
    async build(scene) {
      await overwritten(scene);
      scene.remove(at.blobs);
      return { names: [at.blobs, 'mid/app'] };
    },
  },
];

/** The same damage to a manifest that a tag names, and to one that none does. */
function damaged(
  id: string,
  what: string,
  source: string,
  collector: PerMajor<Verdict>,
  damage: (was: Pushed) => string | Uint8Array,
): readonly Hazard[] {
  const common = { source, expect: 'refuse', collector } as const;
  const build = (which: 'old' | 'now') => async (scene: Scene) => {
    const image = (await overwritten(scene))[which];
    scene.write(at.blob(image.digest), damage(image));
    return { names: [hex(image.digest)], place: at.blob(image.digest) };
  };
  return [
    {
      id: `${id}-tagged-manifest`,
      title: `the manifest of a tag ${what}`,
      ...common,
      check: ['error manifest-damaged'],
      build: build('now'),
    },
    {
      id: `${id}-untagged-manifest`,
      title: `an untagged manifest ${what}`,
      ...common,
      check: ['obstacle manifest-damaged'],
      build: build('old'),
    },
  ];
}

/** The same strange manifest, tagged and untagged, that no registry would have taken. */
function planted(
  id: string,
  what: string,
  source: string,
  check: readonly [tagged: Told, untagged: Told],
  collector: PerMajor<Verdict>,
  make: () => Uint8Array,
): readonly Hazard[] {
  const build = (tag: string | undefined) => async (scene: Scene) => {
    await overwritten(scene);
    const digest = scene.plant('mid/app', tag, make());
    return { names: [hex(digest)], place: at.blob(digest) };
  };
  const common = { source, expect: 'refuse', collector } as const;
  return [
    {
      id: `${id}-tagged-manifest`,
      title: `the manifest of a tag ${what}`,
      ...common,
      check: [check[0]],
      build: build('strange'),
    },
    {
      id: `${id}-untagged-manifest`,
      title: `an untagged manifest ${what}`,
      ...common,
      check: [check[1]],
      build: build(undefined),
    },
  ];
}

function absent(what: string, index: number): Hazard {
  return {
    id: `${what}-missing`,
    title: `a ${what} that a tag needs is gone from the blobs`,
    source: 'registry.md 10-3',
    expect: 'refuse',
    check: ['error blob-missing'],
    collector: 'harmless',
    async build(scene) {
      const { now } = await overwritten(scene);
      const blob = now.blobs[index] ?? '';
      scene.remove(at.blob(blob));
      return { names: named('mid/app', 'v1', blob), place: at.blob(blob) };
    },
  };
}

function oversized(): Uint8Array {
  const annotations = { padding: 'x'.repeat(4 * 1024 * 1024) };
  return bytesOf(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.oci.index, manifests: [], annotations }),
  );
}

/** A schema 1 manifest of which nobody else that is tagged has the layers. The registry is stopped afterwards. */
async function schema1(scene: Scene): Promise<Uint8Array> {
  const { old } = await overwritten(scene);
  return schema1Manifest('mid/app', 'old', old.blobs.slice(1));
}
