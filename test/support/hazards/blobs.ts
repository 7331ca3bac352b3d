import { at, digestOf } from '../layout.ts';
import {
  deleteManifest,
  emptyConfig,
  mediaTypes,
  noise,
  pushBlob,
  pushImage,
  pushManifest,
  startUpload,
} from '../push.ts';
import type { Hazard } from './hazard.ts';
import type { Scene } from './scene.ts';
import { hex, named, overwritten } from './shared.ts';

/** Blobs that are not what they should be, links that lead to nothing, and manifests that do not say the truth. */
export const blobs: readonly Hazard[] = [
  spoiltBlob('cut-layer', 'a layer that a tag needs is cut in the middle', 1, (was) => was.slice(0, 100)),
  spoiltBlob('empty-config', 'a config that a tag needs has no bytes', 0, () => new Uint8Array()),
  flippedBlob('flipped-layer', 'a byte of a layer that a tag needs is another one', 1),
  flippedBlob('flipped-config', 'a byte of a config that a tag needs is another one', 0),
  {
    id: 'flipped-untagged-layer',
    title: 'a byte of a layer that only an untagged manifest has is another one',
    source: 'registry.md 1',
    expect: 'clean',
    check: ['warning blob-corrupt'],
    hidden: true,
    collector: 'harmless',
    async build(scene) {
      const { old } = await overwritten(scene);
      const path = at.blob(old.blobs[1] ?? '');
      scene.write(path, flipped(noise('old')));
      return { place: path };
    },
  },
  {
    id: 'lying-manifest',
    title: 'a manifest says another size of its layer than it has',
    source: 'registry.md 6',
    expect: 'clean',
    check: ['warning wrong-descriptor'],
    collector: 'harmless',
    async build({ url }) {
      const layer = await pushBlob(url, 'mid/app', noise('layer'));
      await pushManifest(url, 'mid/app', 'v1', imageOf(await configOf(url), layer, 299));
      return { names: [hex(layer)], place: at.blob(layer) };
    },
  },
  {
    id: 'forged-foreign-layer',
    title: 'a manifest was pushed that has a layer with URLs, and a line break in its digest',
    source: 'registry.md 2.2',
    majors: [2],
    needs2: 'registry 3 does not take it',
    expect: 'refuse',
    check: ['obstacle manifest-invalid'],
    collector: 'harmless',
    async build({ url }) {
      const forged = { ...imageOf(await configOf(url), `${digestOf(noise('absent'))}\nblob`, 300) };
      const layers = forged.layers.map((layer) => ({ ...layer, urls: ['https://example.org/layer'] }));
      const { digest } = await pushManifest(url, 'mid/app', 'v1', { ...forged, layers });
      return { names: [hex(digest)], place: at.blob(digest) };
    },
  },
  {
    id: 'tag-of-another-repository',
    title: 'a tag names a manifest that only another repository has',
    source: 'field.md r',
    expect: 'refuse',
    check: ['error tag-without-revision'],
    collector: 'harmless',
    async build(scene) {
      const other = await pushImage(scene.url, 'mid/other', 'v1');
      await overwritten(scene);
      const place = at.current('mid/app', 'v1');
      scene.write(place, other.digest);
      return { names: named('mid/app', 'v1', other.digest), place };
    },
  },
  {
    id: 'orphan-layer-links',
    title: 'an image was deleted and its blobs collected, and the links of its layers are left',
    source: 'registry.md 2.5',
    expect: 'clean',
    check: ['warning orphan-layer-links'],
    collector: 'harmless',
    async build(scene) {
      const gone = await pushImage(scene.url, 'mid/app', 'gone');
      await deleteManifest(scene.url, 'mid/app', gone.digest);
      await overwritten(scene);
      for (const digest of [gone.digest, ...gone.blobs]) scene.remove(at.blob(digest));
      // Of two, in no order: either may be the example.
      return { names: gone.blobs.map(hex) };
    },
  },
  {
    id: 'upload-without-startedat',
    title: 'an upload has no record of when it began',
    source: 'registry.md 1',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build(scene) {
      const { id } = await startUpload(scene.url, 'mid/app', noise('half'));
      await overwritten(scene);
      const upload = at.upload('mid/app', id);
      scene.remove(`${upload}/startedat`);
      scene.age(upload, 2000);
      return { goes: [upload] };
    },
  },
  {
    id: 'file-beside-data',
    title: 'somebody left a file beside the data of a layer',
    source: 'registry.md 1',
    expect: 'clean',
    check: ['warning stray'],
    collector: 'harmless',
    async build(scene) {
      const { now } = await overwritten(scene);
      const path = at.blob(now.blobs[1] ?? '').replace(/data$/, 'notes.txt');
      scene.write(path, 'by hand');
      return { stays: [path], place: path };
    },
  },
];

function spoiltBlob(
  id: string,
  title: string,
  index: number,
  spoil: (was: Uint8Array) => Uint8Array,
): Hazard {
  return {
    id,
    title,
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['error blob-size'],
    collector: 'harmless',
    async build(scene) {
      const { now } = await overwritten(scene);
      const digest = now.blobs[index] ?? '';
      scene.write(at.blob(digest), spoil(noise('now')));
      return { names: named('mid/app', 'v1', digest), place: at.blob(digest) };
    },
  };
}

/** The same length, so that only reading it tells. */
function flippedBlob(id: string, title: string, index: number): Hazard {
  return {
    id,
    title,
    source: 'registry.md 1',
    expect: 'clean',
    check: ['error blob-corrupt'],
    hidden: true,
    collector: 'harmless',
    async build(scene) {
      const { now } = await overwritten(scene);
      const path = at.blob(now.blobs[index] ?? '');
      scene.write(path, flipped(scene.read(path)));
      return { place: path };
    },
  };
}

function flipped(was: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(was);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  return bytes;
}

function configOf(url: Scene['url']): Promise<string> {
  return pushBlob(url, 'mid/app', emptyConfig);
}

function imageOf(config: string, layer: string, size: number) {
  const { image, config: configType, layer: layerType, foreign } = mediaTypes.docker;
  return {
    schemaVersion: 2,
    mediaType: image,
    config: { mediaType: configType, digest: config, size: emptyConfig.length },
    layers: [{ mediaType: layer.includes('\n') ? foreign : layerType, digest: layer, size }],
  };
}
