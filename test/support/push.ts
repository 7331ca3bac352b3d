import { createHash } from 'node:crypto';
import { call, pushBlob, type Target } from './http.ts';
import { digestOf } from './layout.ts';

export { deleteManifest, holdUpload, mountBlob, pushBlob, startUpload } from './http.ts';

/** `docker`: schema 2 and manifest lists. `oci`: image manifests and indexes. */
export type Dialect = 'docker' | 'oci';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A manifest, as pushed. */
export interface Pushed extends Descriptor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Config and layers, by the digests that the manifest names them with; foreign layers too. */
  readonly blobs: readonly string[];
  readonly children: readonly string[];
}

export const mediaTypes = {
  docker: {
    image: 'application/vnd.docker.distribution.manifest.v2+json',
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    foreign: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  },
  oci: {
    image: 'application/vnd.oci.image.manifest.v1+json',
    index: 'application/vnd.oci.image.index.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
    foreign: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  },
} as const;

/** A blob that says nothing: what artifacts without a config name as theirs (OCI image spec, "empty descriptor"). */
export const emptyConfig = bytesOf('{}');

export interface ImageOptions {
  /** Makes the content: the same seed, the same bytes and digests. Default: repository and tag. */
  readonly seed?: string;
  /** Default: one of 300 bytes, made from the seed. */
  readonly layers?: readonly Uint8Array<ArrayBuffer>[];
  readonly dialect?: Dialect;
  /** What it refers to (OCI only). */
  readonly subject?: Descriptor;
  readonly config?: unknown;
  /** Adds a layer that is not in the registry, only described with a URL. */
  readonly foreign?: boolean;
  /** What the manifest calls its layers by, and what they are uploaded by. */
  readonly algorithm?: 'sha256' | 'sha512';
}

/** One platform's image. Without a tag it is pushed by its digest. */
export async function pushImage(
  target: Target,
  repository: string,
  tag: string | undefined,
  options: ImageOptions = {},
): Promise<Pushed> {
  const seed = options.seed ?? `${repository}:${tag ?? ''}`;
  const types = mediaTypes[options.dialect ?? 'oci'];
  const layers: Descriptor[] = [];
  for (const bytes of options.layers ?? [noise(seed)]) {
    const digest = await pushBlob(target, repository, bytes, options.algorithm);
    layers.push({ mediaType: types.layer, digest, size: bytes.length });
  }
  const diffIds = layers.map((layer) => layer.digest);
  if (options.foreign === true) {
    const absent = noise(`foreign ${seed}`);
    const foreign = { mediaType: types.foreign, digest: digestOf(absent), size: absent.length };
    layers.push({ ...foreign, ...{ urls: ['https://example.org/layer'] } });
    diffIds.push(foreign.digest);
  }
  const config = bytesOf(
    JSON.stringify(
      options.config ?? {
        architecture: 'amd64',
        os: 'linux',
        config: { Labels: { seed } },
        rootfs: { type: 'layers', diff_ids: diffIds },
      },
    ),
  );
  const digest = await pushBlob(target, repository, config);
  return pushManifest(target, repository, tag, {
    schemaVersion: 2,
    mediaType: types.image,
    config: { mediaType: types.config, digest, size: config.length },
    layers,
    subject: reference(options.subject),
  });
}

export interface IndexOptions {
  readonly dialect?: Dialect;
  readonly subject?: Descriptor;
  readonly artifactType?: string;
}

/** An image index, or a manifest list, of manifests that the repository has: images, artifacts or other indexes. */
export function pushIndex(
  target: Target,
  repository: string,
  tag: string | undefined,
  children: readonly Descriptor[],
  options: IndexOptions = {},
): Promise<Pushed> {
  return pushManifest(target, repository, tag, {
    schemaVersion: 2,
    mediaType: mediaTypes[options.dialect ?? 'oci'].index,
    artifactType: options.artifactType,
    manifests: children.map((child, i) => ({
      ...reference(child),
      platform: { os: 'linux', architecture: ['amd64', 'arm64', 's390x', 'ppc64le'][i % 4] },
    })),
    subject: reference(options.subject),
  });
}

/** An index over `platforms` fresh images. */
export async function pushMultiArch(
  target: Target,
  repository: string,
  tag: string | undefined,
  options: { readonly seed?: string; readonly dialect?: Dialect; readonly platforms?: number } = {},
): Promise<{ readonly index: Pushed; readonly images: readonly Pushed[] }> {
  const { seed = `${repository}:${tag ?? ''}`, dialect, platforms = 2 } = options;
  const images: Pushed[] = [];
  for (let i = 0; i < platforms; i++) {
    images.push(await pushImage(target, repository, undefined, { seed: `${seed}/${i}`, dialect }));
  }
  return { index: await pushIndex(target, repository, tag, images, { dialect }), images };
}

/** Something that is no image (Helm chart, signature, SBOM): an artifact type, an empty config, one layer. */
export async function pushArtifact(
  target: Target,
  repository: string,
  tag: string | undefined,
  options: { readonly seed?: string; readonly artifactType?: string; readonly subject?: Descriptor } = {},
): Promise<Pushed> {
  const content = noise(
    options.seed ?? `artifact ${repository}:${tag ?? ''} ${options.subject?.digest ?? ''}`,
  );
  const config = await pushBlob(target, repository, emptyConfig);
  const layer = await pushBlob(target, repository, content);
  return pushManifest(target, repository, tag, {
    schemaVersion: 2,
    mediaType: mediaTypes.oci.image,
    artifactType: options.artifactType ?? 'application/vnd.example.sbom',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: emptyConfig.length },
    layers: [{ mediaType: 'application/octet-stream', digest: layer, size: content.length }],
    subject: reference(options.subject),
  });
}

/** A signature, attestation or SBOM as cosign stores it: under a tag made of the digest that it is for. */
export function pushCosign(
  target: Target,
  repository: string,
  signed: Descriptor,
  kind: 'sig' | 'att' | 'sbom' = 'sig',
): Promise<Pushed> {
  return pushImage(target, repository, `${signed.digest.replace(':', '-')}.${kind}`, {
    config: { seed: `${kind} ${signed.digest}` },
    seed: `${kind} ${signed.digest}`,
  });
}

/** The index in which clients keep referrers where the registry has no API for them (OCI distribution spec). */
export function pushFallbackTag(
  target: Target,
  repository: string,
  subject: Descriptor,
  referrers: readonly Descriptor[],
): Promise<Pushed> {
  return pushIndex(target, repository, subject.digest.replace(':', '-'), referrers);
}

/** Pushes any manifest. `mediaType`: what the request calls it, where the manifest itself does not. */
export async function pushManifest(
  target: Target,
  repository: string,
  tag: string | undefined,
  manifest: Readonly<Record<string, unknown>>,
  mediaType = String(manifest.mediaType),
): Promise<Pushed> {
  const bytes = bytesOf(JSON.stringify(manifest, undefined, 2));
  const digest = digestOf(bytes);
  const path = `/v2/${repository}/manifests/${tag ?? digest}`;
  await call(target, 'PUT', path, [201], bytes, { 'content-type': mediaType });
  const blobs = [manifest.config, ...list(manifest.layers)].flatMap(digestIn);
  return {
    mediaType,
    digest,
    size: bytes.length,
    bytes,
    blobs,
    children: list(manifest.manifests).flatMap(digestIn),
  };
}

/** `size` bytes that only the seed decides. */
export function noise(seed: string, size = 300): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('shake256', { outputLength: size }).update(seed).digest());
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function reference(descriptor: Descriptor | undefined): Descriptor | undefined {
  if (descriptor === undefined) return undefined;
  return { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function digestIn(descriptor: unknown): readonly string[] {
  const digest = (descriptor as { digest?: unknown } | undefined)?.digest;
  return typeof digest === 'string' ? [digest] : [];
}
