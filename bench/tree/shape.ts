/** A registry by its figures. The same shape and seed, the same registry. */
export interface Shape {
  readonly seed: number;
  /** How many manifests each repository has. */
  readonly manifests: readonly number[];
  /** How many of them no tag points to any more. */
  readonly untagged: readonly number[];
  /** How many base layers each repository links to. */
  readonly baseLinks: readonly number[];
  /** Layers that manifests of every repository share. */
  readonly baseLayers: number;
}

/** What a registry of that shape holds. `files`: everything that `find -type f` finds below the driver's root. */
export interface TreeCounts {
  readonly repositories: number;
  readonly manifests: number;
  readonly untagged: number;
  readonly tags: number;
  readonly tagHistory: number;
  readonly layerLinks: number;
  readonly blobs: number;
  readonly files: number;
}

/** Each manifest has so many layers that no other one has, and a config. */
export const ownLayers = 8;
const ownBlobs = ownLayers + 1;

interface Size {
  readonly repositories: number;
  readonly manifests: number;
  readonly baseLayers: number;
  /** Of all repositories together. */
  readonly baseLinks: number;
}

export type SizeName = 'tiny' | 'small' | 'large' | 'huge';

/** tiny: for tests. small: 14,327 blobs. large: 687,861 files with half of the manifests untagged. huge: 1,000,000 blobs. */
export const sizes: Readonly<Record<SizeName, Size>> = {
  tiny: { repositories: 5, manifests: 23, baseLayers: 11, baseLinks: 31 },
  small: { repositories: 119, manifests: 1_427, baseLayers: 57, baseLinks: 2_023 },
  large: { repositories: 600, manifests: 30_000, baseLayers: 500, baseLinks: 42_361 },
  huge: { repositories: 1_999, manifests: 99_950, baseLayers: 500, baseLinks: 141_130 },
};

/** From the smallest to the largest. */
export const sizeNames: readonly SizeName[] = ['tiny', 'small', 'large', 'huge'];

export interface ShapeOptions {
  readonly seed?: number;
  /** Share of the manifests that no tag points to, 0 … 1. */
  readonly garbage?: number;
  /** The first repository has 90 % of the manifests. */
  readonly skew?: boolean;
}

export function isSizeName(name: string): name is SizeName {
  return Object.hasOwn(sizes, name);
}

/** The shape of a named size. Every repository keeps at least one tag, whatever share is asked for. */
export function shapeOf(name: SizeName, options: ShapeOptions = {}): Shape {
  const { seed = 1, garbage = 0.5, skew = false } = options;
  const { repositories, baseLayers, ...size } = sizes[name];
  const of = skew ? skewed : spread;
  const manifests = of(size.manifests, repositories, size.manifests);
  let before = 0;
  const untagged = manifests.map((count) => {
    const share = upTo((before + count) * garbage) - upTo(before * garbage);
    before += count;
    return Math.min(share, count - 1);
  });
  return { seed, manifests, untagged, baseLayers, baseLinks: of(size.baseLinks, repositories, baseLayers) };
}

export function countsOf({ manifests, untagged, baseLinks, baseLayers }: Shape): TreeCounts {
  const all = sum(manifests);
  const tags = all - sum(untagged);
  const layerLinks = all * ownBlobs + sum(baseLinks);
  const blobs = all * (ownBlobs + 1) + baseLayers;
  return {
    repositories: manifests.length,
    manifests: all,
    untagged: all - tags,
    tags,
    // Every push of a tag leaves an entry, and each manifest was pushed once.
    tagHistory: all,
    layerLinks,
    blobs,
    files: blobs + layerLinks + all + tags + all,
  };
}

/** The next whole number, so that there is some garbage whenever any is asked for. */
function upTo(figure: number): number {
  return Math.ceil(figure - 1e-6);
}

/** `total` in `parts` that differ by no more than one. */
function spread(total: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, at) => Math.floor(total / parts) + (at < total % parts ? 1 : 0));
}

/** The first part gets 90 %, but no more than `most`, and leaves one for each of the others. */
function skewed(total: number, parts: number, most: number): number[] {
  const first = Math.min(Math.round(total * 0.9), most, total - (parts - 1));
  return [first, ...spread(total - first, parts - 1)];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
