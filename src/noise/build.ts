import type { ChartDesign, ContentDesign, ImageDesign, IndexDesign } from './design.ts';
import {
  type Built,
  describeManifest,
  json,
  manifestOf,
  mediaTypes,
  type Store,
  storeBlob,
} from './manifest.ts';

/** Milliseconds since the epoch. A time of our own, as digests must not depend on when they are made. */
const firstBuild = Date.UTC(2024, 0, 1);

/** Builds `content` with all its parts in `store`; the outermost manifest is only returned. */
export function build(content: ContentDesign, store: Store): Promise<Built> {
  switch (content.kind) {
    case 'image':
      return buildImage(content, store);
    case 'index':
      return buildIndex(content, store);
    case 'chart':
      return buildChart(content, store);
  }
}

async function buildImage({ number, format, platform, layers }: ImageDesign, store: Store): Promise<Built> {
  const type = mediaTypes[format];
  const facts = await Promise.all(layers.map((layer) => store.layer(layer)));
  const created = new Date(firstBuild + number * 60_000).toISOString();
  const config = {
    ...platform,
    created,
    config: { Cmd: ['/noise'], Env: ['PATH=/'] },
    rootfs: { type: 'layers', diff_ids: facts.map(({ diffId }) => diffId) },
    history: facts.map(({ digest }) => ({ created, created_by: `noise ${digest}` })),
  };
  const image = manifestOf({
    mediaType: type.image,
    config: await storeBlob(store, json(config), type.config),
    layers: facts.map(({ digest, size }) => ({ mediaType: type.layer, size, digest })),
  });
  return { ...image, platform };
}

async function buildIndex({ format, children, attested }: IndexDesign, store: Store): Promise<Built> {
  const built = await Promise.all(children.map((child) => build(child, store)));
  const attestations = attested
    ? await Promise.all(built.map((child) => buildAttestation(child, store)))
    : [];
  await Promise.all([...built, ...attestations].map((manifest) => store.manifest(manifest)));
  return manifestOf({
    mediaType: mediaTypes[format].index,
    manifests: [
      ...built.map((child) => ({ ...describeManifest(child), platform: child.platform })),
      ...attestations.map((attestation, number) => ({
        ...describeManifest(attestation),
        platform: { architecture: 'unknown', os: 'unknown' },
        annotations: {
          'vnd.docker.reference.digest': built[number]?.digest,
          'vnd.docker.reference.type': 'attestation-manifest',
        },
      })),
    ],
  });
}

/** As BuildKit writes provenance: an image for no platform, whose layer is an in-toto statement. */
async function buildAttestation(subject: Built, store: Store): Promise<Built> {
  const predicateType = 'https://slsa.dev/provenance/v0.2';
  const statement = json({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType,
    subject: [{ name: 'noise', digest: { sha256: subject.digest.slice('sha256:'.length) } }],
    predicate: {},
  });
  const layer = await storeBlob(store, statement, 'application/vnd.in-toto+json');
  const config = json({
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  return manifestOf({
    mediaType: mediaTypes.oci.image,
    config: await storeBlob(store, config, mediaTypes.oci.config),
    layers: [{ ...layer, annotations: { 'in-toto.io/predicate-type': predicateType } }],
  });
}

/** As `helm push` writes a chart. */
async function buildChart({ number, layer }: ChartDesign, store: Store): Promise<Built> {
  const { digest, size } = await store.layer(layer);
  const config = json({ apiVersion: 'v2', name: 'noise', version: `0.1.${number}` });
  return manifestOf({
    mediaType: mediaTypes.oci.image,
    config: await storeBlob(store, config, 'application/vnd.cncf.helm.config.v1+json'),
    layers: [{ mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', size, digest }],
  });
}
