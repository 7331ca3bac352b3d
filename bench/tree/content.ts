import { hash } from 'node:crypto';
import { ownLayers, type Shape } from './shape.ts';

/** A blob by its digest's hex and its size. What a layer or config holds is of no concern: its digest is drawn. */
export interface Drawn {
  readonly hex: string;
  /** Bytes. */
  readonly size: number;
}

export interface DrawnManifest {
  readonly hex: string;
  readonly text: string;
  readonly config: Drawn;
  readonly ownLayers: readonly Drawn[];
  /** Which tag of the repository it was pushed as, and whether that still points to it. */
  readonly tag: number;
  readonly current: boolean;
  /** When it was pushed, s since the epoch; later ones of a repository later. */
  readonly pushedAt: number;
}

/** All of it lies in 2024: old by every policy. */
const firstPush = Date.UTC(2024, 0, 1) / 1000;
const period = 300 * 86_400;

/** A layer that all repositories may share: 8 to 128 MiB. */
export function baseLayer(shape: Shape, index: number): Drawn {
  return draw(`${shape.seed}/base/${index}`, 23, 27);
}

/** Which base layers the repository links to, by index. */
export function baseLayersOf(shape: Shape, repository: number): number[] {
  const first = hashNumber(`${shape.seed}/${repository}`) % shape.baseLayers;
  return Array.from({ length: shape.baseLinks[repository] ?? 0 }, (_, at) => (first + at) % shape.baseLayers);
}

/** When the repository's first manifest was pushed, s since the epoch. */
export function pushedFirst(shape: Shape, repository: number): number {
  return firstPush + (hashNumber(`${shape.seed}/${repository}`) % 86_400);
}

/**
 * One manifest: the repository's `index`-th push. The tags are pushed in turns, so the last ones to come are those
 * that tags point to.
 */
export function manifestOf(
  shape: Shape,
  repository: number,
  index: number,
  bases = baseLayersOf(shape, repository),
): DrawnManifest {
  const count = shape.manifests[repository] ?? 0;
  const tags = count - (shape.untagged[repository] ?? 0);
  const of = `${shape.seed}/${repository}/${index}`;
  const config = draw(`${of}/config`, 10, 14);
  const own = Array.from({ length: ownLayers }, (_, at) => draw(`${of}/${at}`, 10, 25));
  const each = Math.ceil(bases.length / count);
  const below = Array.from({ length: each }, (_, at) =>
    baseLayer(shape, bases[(index * each + at) % bases.length] ?? 0),
  );
  const text = manifestText(repository % 2 === 0, config, [...below, ...own]);
  return {
    hex: hash('sha256', text),
    text,
    config,
    ownLayers: own,
    tag: index % tags,
    current: index + tags >= count,
    pushedAt: pushedFirst(shape, repository) + Math.floor((index / count) * period),
  };
}

const docker = 'application/vnd.docker';
const oci = 'application/vnd.oci.image';

/** As `docker push` writes it, or as buildx does. */
function manifestText(isDocker: boolean, config: Drawn, layers: readonly Drawn[]): string {
  const types = isDocker
    ? {
        manifest: `${docker}.distribution.manifest.v2+json`,
        config: `${docker}.container.image.v1+json`,
        layer: `${docker}.image.rootfs.diff.tar.gzip`,
      }
    : {
        manifest: `${oci}.manifest.v1+json`,
        config: `${oci}.config.v1+json`,
        layer: `${oci}.layer.v1.tar+gzip`,
      };
  const descriptor = (mediaType: string, { hex, size }: Drawn): object =>
    isDocker ? { mediaType, size, digest: `sha256:${hex}` } : { mediaType, digest: `sha256:${hex}`, size };
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptor(types.config, config),
    layers: layers.map((layer) => descriptor(types.layer, layer)),
  };
  return JSON.stringify(manifest, null, isDocker ? 3 : 2);
}

/** A size between two powers of two, as likely within each doubling. */
function draw(name: string, from: number, to: number): Drawn {
  const hex = hash('sha256', name);
  const share = Number.parseInt(hex.slice(0, 8), 16) / 2 ** 32;
  return { hex, size: Math.round(2 ** (from + share * (to - from))) };
}

function hashNumber(name: string): number {
  return Number.parseInt(hash('sha256', name).slice(0, 8), 16);
}
