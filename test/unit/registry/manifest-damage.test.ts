import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { manifestLimit, parseManifest } from '../../../src/registry/manifest.ts';
import {
  descriptor,
  dockerImage,
  dockerList,
  encode,
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

describe('a manifest that a registry would not read, or not as others do, is damaged:', () => {
  const damaged: [string, unknown][] = [
    ['null', null],
    ['a list', [image()]],
    ['a string', 'manifest'],
    ['an object with nothing in it', {}],
    ['no schema version', image({ schemaVersion: undefined })],
    ['schema version 3', image({ schemaVersion: 3 })],
    ['a schema version in quotes', image({ schemaVersion: '2' })],
    ['a media type that is a number', image({ mediaType: 2 })],
    ['a media type of an image on schema 1', image({ schemaVersion: 1 })],
    ['a media type of schema 1 on an image', image({ mediaType: schema1 })],
    ['an image with children', image({ manifests: [descriptor(2)] })],
    ['an image with an empty list of children', image({ manifests: [] })],
    ['an image with blobs', image({ blobs: [descriptor(2)] })],
    ['an image with layers of schema 1', image({ fsLayers: [{ blobSum: named(1) }] })],
    ['an image of no media type with children', image({ mediaType: undefined, manifests: [descriptor(2)] })],
    ['an index with layers', index({ layers: [] })],
    ['an index with a config', index({ config: {} })],
    ['an index with blobs', index({ blobs: [] })],
    ['an image with neither config nor layers', image({ config: undefined, layers: null })],
    ['an index without children', index({ manifests: undefined })],
    ['layers that are no list', image({ layers: {} })],
    ['a layer that is null', image({ layers: [descriptor(1), null] })],
    ['a layer that is a list', image({ layers: [[descriptor(1)]] })],
    ['a layer without a digest', image({ layers: [{ size: 1 }] })],
    ['a layer whose digest is null', image({ layers: [descriptor(1, { digest: null })] })],
    ['a layer whose digest is a number', image({ layers: [descriptor(1, { digest: 1 })] })],
    ['a layer whose digest is a list', image({ layers: [descriptor(1, { digest: [named(1)] })] })],
    ['a layer whose digest is empty', image({ layers: [descriptor(1, { digest: '' })] })],
    ['a layer whose digest is cut off', image({ layers: [descriptor(1, { digest: 'sha256:0a' })] })],
    ['a layer whose digest hides in a line', image({ layers: [descriptor(1, { digest: `${named(1)}\n` })] })],
    [
      'a layer had elsewhere whose digest is none',
      image({ layers: [descriptor(1, { digest: 'x', urls: ['u'] })] }),
    ],
    ['a size in quotes', image({ layers: [descriptor(1, { size: '1' })] })],
    ['a size that is half', image({ layers: [descriptor(1, { size: 0.5 })] })],
    ['a size that no integer holds', image({ layers: [descriptor(1, { size: 1e20 })] })],
    ['URLs that are no list', image({ layers: [descriptor(1, { urls: 'https://example.org' })] })],
    ['a URL that is a number', image({ layers: [descriptor(1, { urls: [1] })] })],
    ['an annotation that is a number', image({ layers: [descriptor(1, { annotations: { a: 1 } })] })],
    ['an annotation of all that is a number', image({ annotations: { a: 1 } })],
    ['data that is not base64', image({ layers: [descriptor(1, { data: '***' })] })],
    ['data without its padding', image({ layers: [descriptor(1, { data: 'e30' })] })],
    ['a platform that is a string', index({ manifests: [descriptor(1, { platform: 'linux' })] })],
    [
      'an architecture that is a number',
      index({ manifests: [descriptor(1, { platform: { architecture: 1 } })] }),
    ],
    ['a config without a digest', image({ config: {} })],
    ['a config that is a list', image({ config: [] })],
    ['a config of empty fields', image({ config: { mediaType: '', digest: '', size: 0 } })],
    ['a subject without a digest', image({ subject: {} })],
    ['a subject that is a digest', image({ subject: named(2) })],
    ['a subject of an index with a digest that is none', index({ subject: { digest: 'latest' } })],
    ['an artifact type that is a list', image({ artifactType: [] })],
    ['layers in capitals beside layers', image({ Layers: [descriptor(2)] })],
    ['layers in capitals', { ...image({ layers: undefined }), LAYERS: [descriptor(1)] }],
    ['layers with the long s, which Go takes for one', image({ layerſ: [] })],
    ['a digest in capitals', image({ layers: [{ ...descriptor(1), DIGEST: named(2) }] })],
    ['schema 1 without layers', { schemaVersion: 1, name: 'a' }],
    ['schema 1 whose layer is a string', { schemaVersion: 1, fsLayers: [named(1)] }],
    ['schema 1 whose layer has no digest', { schemaVersion: 1, fsLayers: [{}] }],
    [
      'schema 1 whose layer has a tarsum',
      { schemaVersion: 1, fsLayers: [{ blobSum: `tarsum.v1+${named(1)}` }] },
    ],
    ['schema 1 with a config', { schemaVersion: 1, fsLayers: [], config: descriptor(1) }],
    ['schema 1 with a name that is a number', { schemaVersion: 1, fsLayers: [], name: 1 }],
    [
      'schema 1 with a history that is none',
      { schemaVersion: 1, fsLayers: [], history: [{ v1Compatibility: 1 }] },
    ],
  ];

  test.each(damaged)('%s', (_, value) => {
    const manifest = parse(value);
    expect(manifest).toMatchObject({ kind: 'damaged' });
    expect(manifest.kind === 'damaged' && manifest.why).toMatch(/^[ -~]{3,200}$/);
  });

  test('no bytes at all', () => {
    expect(parseManifest(new Uint8Array())).toEqual({ kind: 'damaged', why: 'empty' });
  });

  test('a key that occurs twice', () => {
    const twice = JSON.stringify(image()).replace(/}$/, `,"layers":[${JSON.stringify(descriptor(2))}]}`);
    expect(parseManifest(encode(twice))).toMatchObject({ kind: 'damaged' });
  });

  test('more bytes than the registry reads, and not one less', () => {
    const text = JSON.stringify(image());
    const whole = encode(text + ' '.repeat(manifestLimit - text.length));
    expect(parseManifest(whole)).toMatchObject({ kind: 'image' });
    expect(parseManifest(Buffer.concat([whole, encode(' ')]))).toMatchObject({ kind: 'damaged' });
  });

  test('the first of as many layers as fit', () => {
    const layers = `{"schemaVersion":2,"layers":[${'{},'.repeat(1_398_000)}{}]}`;
    expect(parseManifest(encode(layers))).toEqual({ kind: 'damaged', why: 'layers[0] has no digest' });
  });
});

describe('whatever the bytes', () => {
  const rare = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 60, arbitrary: usual }, { weight: 1, arbitrary: fc.jsonValue() });
  const digest = rare(fc.nat(20).map(named));
  const anyDescriptor = fc.record(
    { digest, mediaType: rare(fc.constant('a/b')), size: rare(fc.nat()), urls: rare(fc.constant(['u'])) },
    { requiredKeys: ['digest'] },
  );
  const list = rare(fc.array(rare(anyDescriptor), { maxLength: 3 }));
  const layer = fc.record({ blobSum: digest });
  const version = (usual: number): fc.Arbitrary<unknown> => rare(fc.constant(usual));
  const type = (...usual: string[]): fc.Arbitrary<unknown> => rare(fc.constantFrom(undefined, ...usual));
  const shapes = fc.oneof(
    fc.record(
      {
        schemaVersion: version(2),
        mediaType: type(dockerImage, ociImage),
        config: rare(anyDescriptor),
        layers: list,
      },
      { requiredKeys: ['schemaVersion'] },
    ),
    fc.record({ schemaVersion: version(2), mediaType: type(dockerList, ociIndex), manifests: list }),
    fc.record({ schemaVersion: version(1), mediaType: type(schema1), fsLayers: rare(fc.array(layer)) }),
  );
  /** What does not belong there; nothing at all, mostly. */
  const more = fc.oneof(
    { weight: 5, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: fc.record({ subject: rare(anyDescriptor) }) },
    {
      weight: 1,
      arbitrary: fc.record(
        {
          config: anyDescriptor,
          layers: list,
          manifests: list,
          blobs: list,
          fsLayers: fc.array(layer),
          Layers: list,
        },
        { requiredKeys: [] },
      ),
    },
  );
  const anyManifest = fc.tuple(more, shapes).map(([first, then]) => ({ ...first, ...then }));
  /** Everything that looks like a digest in places where manifests name things. */
  const lookFor = (value: object): string[] =>
    [...JSON.stringify(value).matchAll(/"(?:digest|blobSum)":"(sha256:[0-9a-f]{64})"/g)].map(
      ([, d]) => d ?? '',
    );

  test('nothing that a manifest names goes unseen', () => {
    const kinds: Record<string, number> = {};
    fc.assert(
      fc.property(anyManifest, (value) => {
        const manifest = parse(value);
        kinds[manifest.kind] = (kinds[manifest.kind] ?? 0) + 1;
        if (manifest.kind === 'damaged' || manifest.kind === 'unknown') return;
        expect(referencesOf(manifest).sort()).toEqual(lookFor(value).sort());
      }),
      { numRuns: 3_000 },
    );
    // A generator that makes nothing readable would prove nothing.
    for (const kind of ['image', 'index', 'schema1', 'damaged']) expect(kinds[kind]).toBeGreaterThan(50);
  });

  test('it does not throw, and says why when it finds nothing', () => {
    const names = readdirSync(fixtures);
    const edit = fc.record({
      name: fc.constantFrom(...names),
      at: fc.nat(),
      bytes: fc.uint8Array({ maxLength: 4 }),
    });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map(encode),
      edit.map(({ name, at, bytes: text }) => {
        const whole = readFileSync(new URL(name, fixtures));
        whole.set(text, at % (whole.length - text.length));
        return whole;
      }),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        const manifest = parseManifest(input);
        if (manifest.kind === 'damaged' || manifest.kind === 'unknown') expect(manifest.why).not.toBe('');
        else
          for (const found of referencesOf(manifest))
            expect(found).toMatch(/^sha(?:256:[0-9a-f]{64}|384:|512:)/);
      }),
      { numRuns: 2_000 },
    );
  });
});
