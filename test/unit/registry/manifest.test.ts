import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/registry/digest.ts';
import { acceptManifests, manifestMediaTypes, parseManifest } from '../../../src/registry/manifest.ts';
import {
  descriptor,
  dockerImage,
  dockerList,
  encode,
  fixture,
  fixtures,
  image,
  index,
  named,
  ociImage,
  ociIndex,
  parse,
  referencesOf,
  schema1,
} from './manifest-samples.ts';

describe('a manifest as tools push it', () => {
  test.each([
    ['docker-image', 'image', dockerImage, 3],
    ['docker-foreign-layer', 'image', dockerImage, 3],
    ['docker-manifest-list', 'index', dockerList, 2],
    ['oci-image', 'image', ociImage, 3],
    ['oci-image-without-media-type', 'image', ociImage, 2],
    ['oci-index', 'index', ociIndex, 2],
    ['oci-index-without-media-type', 'index', ociIndex, 1],
    ['oci-index-emptied', 'index', ociIndex, 0],
    ['nested-index', 'index', ociIndex, 2],
    ['buildkit-index-with-attestation', 'index', ociIndex, 2],
    ['buildkit-attestation', 'image', ociImage, 3],
    ['buildkit-cache-index', 'index', ociIndex, 2],
    ['helm-chart', 'image', ociImage, 3],
    ['cosign-signature', 'image', ociImage, 2],
    ['oras-artifact', 'image', ociImage, 2],
    ['subject-referrer', 'image', ociImage, 3],
    ['artifact-without-config', 'image', ociImage, 1],
    ['schema1-signed', 'schema1', schema1, 3],
    ['schema1-stored', 'schema1', schema1, 3],
  ])('%s is read whole', (name, kind, mediaType, references) => {
    const manifest = parseManifest(fixture(name));
    expect(manifest).toMatchObject({ kind, mediaType });
    expect(referencesOf(manifest)).toHaveLength(references);
    const digests = [
      ...fixture(name)
        .toString()
        .matchAll(/"(?:digest|blobSum)": ?"([^"]+)"/g),
    ];
    expect(referencesOf(manifest).sort()).toEqual(digests.map((match) => match[1]).sort());
  });

  test('an index names its children by their bytes', () => {
    const children = (name: string): string[] => referencesOf(parseManifest(fixture(name)));
    const digests = (...names: string[]): string[] => names.map((name) => digestOf(fixture(name)));
    expect(children('nested-index')).toEqual(digests('buildkit-index-with-attestation', 'oci-index'));
    expect(children('oci-index')).toEqual(digests('oci-image', 'oci-image-without-media-type'));
    expect(children('docker-manifest-list')).toEqual(digests('docker-image', 'docker-image-arm64'));
    expect(children('buildkit-index-with-attestation')).toEqual(digests('oci-image', 'buildkit-attestation'));
  });

  test('an image is told with its config and layers', () => {
    const bytes = fixture('docker-image');
    const { config, layers } = JSON.parse(bytes.toString());
    const whole = (told: object): object => ({ ...told, urls: false });
    expect(parseManifest(bytes)).toEqual({
      kind: 'image',
      mediaType: dockerImage,
      config: whole(config),
      layers: layers.map(whole),
      subject: undefined,
    });
  });

  test('a layer that is had elsewhere is told as such, and only that', () => {
    const manifest = parseManifest(fixture('docker-foreign-layer'));
    expect(manifest.kind === 'image' && manifest.layers.map((layer) => layer.urls)).toEqual([true, false]);
    expect(manifest.kind === 'image' && manifest.config?.urls).toBe(false);
  });

  test('an artifact is told with its type, a referrer with what it refers to', () => {
    expect(parseManifest(fixture('oras-artifact'))).toMatchObject({
      artifactType: 'application/vnd.example.report.v1',
      subject: undefined,
    });
    expect(parseManifest(fixture('subject-referrer'))).toMatchObject({
      artifactType: 'application/spdx+json',
      subject: digestOf(fixture('oci-image')),
    });
    const subject = descriptor(3);
    expect(parse(index({ artifactType: 'a/b', subject }))).toMatchObject({
      artifactType: 'a/b',
      subject: named(3),
    });
    expect(parseManifest(fixture('helm-chart'))).not.toHaveProperty('artifactType');
  });

  test('an artifact without a config has none', () => {
    expect(parseManifest(fixture('artifact-without-config'))).toMatchObject({ config: undefined });
  });

  test('of a kind that registries no longer know is unknown', () => {
    const mediaType = 'application/vnd.oci.artifact.manifest.v1+json';
    expect(parseManifest(fixture('oci-artifact-manifest'))).toMatchObject({ kind: 'unknown', mediaType });
  });

  test('an image whose layers are manifests is unknown', () => {
    expect(parseManifest(fixture('image-of-manifests'))).toMatchObject({ kind: 'unknown' });
    expect(parse(image({ config: descriptor(0, { mediaType: ociIndex }) }))).toMatchObject({
      kind: 'unknown',
    });
  });

  test('is damaged when any end of it is missing', () => {
    for (const name of readdirSync(fixtures)) {
      const bytes = readFileSync(new URL(name, fixtures));
      for (let length = 0; length < bytes.length; length++) {
        expect(parseManifest(bytes.subarray(0, length))).toMatchObject({ kind: 'damaged' });
      }
    }
  });
});

describe('the media type', () => {
  test('is what a client must accept', () => {
    expect(acceptManifests.split(', ')).toEqual(manifestMediaTypes);
  });

  test.each([
    ['an index by its children', { manifests: [descriptor(1)] }, 'index', ociIndex],
    ['an empty index by its list', { manifests: [] }, 'index', ociIndex],
    ['an image by its layers', { layers: [descriptor(1)] }, 'image', ociImage],
    ['an image by its config', { config: descriptor(1) }, 'image', ociImage],
    ['neither by a null', { manifests: null, layers: [] }, 'image', ociImage],
  ])('when left out, tells %s', (_, shape, kind, mediaType) => {
    expect(parse({ schemaVersion: 2, ...shape })).toMatchObject({ kind, mediaType });
    expect(parse({ schemaVersion: 2, mediaType: '', ...shape })).toMatchObject({ kind, mediaType });
    expect(parse({ schemaVersion: 2, mediaType: null, ...shape })).toMatchObject({ kind, mediaType });
  });

  test('when left out of what has no shape either, leaves it unknown', () => {
    expect(parse({ schemaVersion: 2 })).toMatchObject({ kind: 'unknown', mediaType: undefined });
    expect(parse({ schemaVersion: 2, subject: descriptor(1) })).toMatchObject({ kind: 'unknown' });
    expect(parse({ schemaVersion: 2, blobs: [descriptor(1)] })).toMatchObject({ kind: 'unknown' });
  });

  test.each([
    'application/json',
    `${ociImage}; charset=utf-8`,
    ociImage.toUpperCase(),
    ` ${ociImage}`,
    'constructor',
  ])('%j is unknown, whatever the shape', (mediaType) => {
    expect(parse(image({ mediaType }))).toMatchObject({ kind: 'unknown', mediaType });
    expect(parse({ mediaType })).toMatchObject({ kind: 'unknown', mediaType });
  });

  test('is quoted with its control characters made visible, and not at any length', () => {
    const unknown = parse(image({ mediaType: `\u001b[31m\n${'x'.repeat(1_000_000)}` }));
    expect(unknown.kind === 'unknown' && unknown.why).toMatch(/^"\\u001b\[31m\\nx{90,100}\.\.\." is no/);
  });
});

describe('a manifest may', () => {
  test.each([
    [
      'have null for what it leaves out',
      image({ manifests: null, subject: null, annotations: null, artifactType: null }),
    ],
    ['have fields that nobody knows', image({ x: [[{ digest: 1 }]], history: 1, name: {} })],
    ['have keys that other objects inherit', image({ constructor: 1, toString: [], hasOwnProperty: {} })],
    ['say nothing about its layers but what they are', image({ layers: [{ digest: named(1) }] })],
    [
      'have nulls in its descriptors',
      image({ layers: [descriptor(1, { urls: null, size: null, platform: null })] }),
    ],
    ['have sizes that cannot be', image({ layers: [descriptor(1, { size: -1 })] })],
    ['have a config alone', image({ layers: null })],
    ['have data in it', image({ config: descriptor(0, { data: 'e30=', artifactType: 'a/b' }) })],
  ])('%s', (_, value) => {
    expect(parse(value)).toMatchObject({ kind: 'image', mediaType: ociImage });
  });

  test('have a prototype of its own, and is not fooled by it', () => {
    const text = `{"__proto__":{"layers":[],"schemaVersion":2},"mediaType":"${ociImage}"}`;
    expect(parseManifest(encode(text))).toMatchObject({ kind: 'damaged' });
  });

  test('name blobs by any algorithm that the registry knows', () => {
    const sha512 = `sha512:${'0'.repeat(128)}`;
    expect(referencesOf(parse(image({ layers: [{ digest: sha512 }] })))).toContain(sha512);
  });

  test('not tell sizes or media types, which then are not known', () => {
    const manifest = parse(image({ layers: [{ digest: named(1), mediaType: '', size: -1 }] }));
    const layer = { digest: named(1), size: undefined, mediaType: undefined, urls: false };
    expect(manifest).toMatchObject({ layers: [layer] });
  });

  test.each([
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', {}, true],
    ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', {}, true],
    ['application/vnd.oci.image.layer.v1.tar+gzip', { urls: ['https://example.org'] }, true],
    ['application/vnd.oci.image.layer.v1.tar+gzip', { urls: [] }, false],
    ['application/vnd.oci.image.layer.v1.tar+gzip', {}, false],
    ['text/application/vnd.docker.image.rootfs.foreign.diff.tar', {}, false],
  ])('lack a layer of %s with %j: %s', (mediaType, more, urls) => {
    expect(parse(image({ layers: [descriptor(1, { mediaType, ...more })] }))).toMatchObject({
      layers: [{ urls }],
    });
  });
});
