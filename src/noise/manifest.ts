import { type Digest, digestOf } from '../registry/digest.ts';
import { manifestMediaTypes } from '../registry/manifest.ts';
import type { Format, LayerDesign, Platform } from './design.ts';

/** What a manifest says of a layer: of its compressed form, and (`diffId`) of the archive inside. */
export interface LayerFacts {
  readonly digest: Digest;
  readonly size: number;
  readonly diffId: Digest;
}

export interface Built {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly platform?: Platform;
}

/** The repository that is built into. Parts arrive before what names them. */
export interface Store {
  layer(layer: LayerDesign): Promise<LayerFacts>;
  blob(bytes: Uint8Array): Promise<void>;
  /** By its digest, without a tag. */
  manifest(manifest: Built): Promise<void>;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

const [dockerImage, dockerList, ociImage, ociIndex] = manifestMediaTypes;

export const mediaTypes: Record<Format, { image: string; index: string; config: string; layer: string }> = {
  docker: {
    image: dockerImage,
    index: dockerList,
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
  oci: {
    image: ociImage,
    index: ociIndex,
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
};

/** Bytes of a value as JSON: the same for the same value. */
export function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

export function manifestOf(value: { readonly mediaType: string; readonly [key: string]: unknown }): Built {
  const bytes = json({ schemaVersion: 2, ...value });
  return { mediaType: value.mediaType, bytes, digest: digestOf(bytes) };
}

export function describeManifest({ mediaType, bytes, digest }: Built): Descriptor {
  return { mediaType, size: bytes.length, digest };
}

/** Stores `bytes` and describes them. */
export async function storeBlob(store: Store, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  await store.blob(bytes);
  return { mediaType, size: bytes.length, digest: digestOf(bytes) };
}
