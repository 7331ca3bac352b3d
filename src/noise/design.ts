import { createRandom, type Random } from './random.ts';

export interface NoiseOptions {
  /** How many images (or indexes, or charts) are pushed under a tag. */
  readonly images: number;
  readonly repositories: number;
  /** Tags per repository; once all are taken, each push overwrites one of them. */
  readonly tags: number;
  /** Layers per image. */
  readonly layers: number;
  /** Random bytes in a layer; its archive adds up to 2 KiB. */
  readonly layerSize: { readonly min: number; readonly max: number };
  /** Probability (0 to 1) that a layer is one that was pushed before, in this repository or another. */
  readonly shared: number;
  /** Share (0 to 1) of `images` that are indexes over several platforms. */
  readonly multiarch: number;
  /** Share (0 to 1) of those whose platforms are partly in an index of their own. */
  readonly nested: number;
  /** Share (0 to 1) of `images` that are Helm charts. */
  readonly charts: number;
  /** Share (0 to 1) of `images` that something refers to: an artifact by its `subject`, or a cosign signature. */
  readonly referrers: number;
  /** Same seed, same options: same digests. */
  readonly seed: string;
  /** First component of every repository's name. */
  readonly prefix: string;
}

export type Format = 'docker' | 'oci';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface LayerDesign {
  /** Its content follows from the seed and this. */
  readonly id: string;
  readonly size: number;
}

export interface ImageDesign {
  readonly kind: 'image';
  /** The push's number: makes it another image than one with the same layers. */
  readonly number: number;
  readonly format: Format;
  readonly platform: Platform;
  readonly layers: readonly LayerDesign[];
}

export interface IndexDesign {
  readonly kind: 'index';
  readonly format: Format;
  readonly children: readonly ContentDesign[];
  /** With an attestation beside every image, as BuildKit makes them. */
  readonly attested: boolean;
}

export interface ChartDesign {
  readonly kind: 'chart';
  readonly number: number;
  readonly layer: LayerDesign;
}

export type ContentDesign = ImageDesign | IndexDesign | ChartDesign;

/**
 * What refers to a push: by `subject` alone; by `subject` and in the index under the tag `sha256-<hex>`, as OCI
 * clients do where a registry has no referrers API; or as cosign does, by the tag `sha256-<hex>.sig`.
 */
export type ReferrerKind = 'subject' | 'fallback' | 'signature';

export interface PushDesign {
  /** 0, 1, …: the order in which they take their tags. */
  readonly number: number;
  readonly repository: string;
  readonly tag: string;
  readonly content: ContentDesign;
  readonly referrer: ReferrerKind | undefined;
}

const amd64: Platform = { os: 'linux', architecture: 'amd64' };
const arm64: Platform = { os: 'linux', architecture: 'arm64' };
const armv7: Platform = { os: 'linux', architecture: 'arm', variant: 'v7' };

/** What to push, in order. Pure: nothing but the options decides. */
export function designNoise(options: NoiseOptions): readonly PushDesign[] {
  const random = createRandom(options.seed);
  const repositories = repositoryNames(options.prefix, options.repositories);
  const newLayer = layerMaker(options, random);
  const contents = random.shuffle(contentKinds(options));
  const referred = random.shuffle(referrerKinds(options));

  return contents.map((kind, number) => {
    const turn = Math.floor(number / repositories.length);
    return {
      number,
      repository: repositories[number % repositories.length] ?? options.prefix,
      tag: tagName(turn < options.tags ? turn : random.integer(0, options.tags - 1)),
      content: content(kind, number, () => layersOf(options.layers, newLayer), newLayer),
      referrer: referred[number],
    };
  });
}

type ContentKind = 'docker' | 'oci' | 'chart' | 'docker-list' | 'oci-index' | 'attested' | 'nested';

/** One per image, in exact shares: a probability would leave small registries without some kinds. */
function contentKinds({ images, multiarch, nested, charts }: NoiseOptions): ContentKind[] {
  const indexes = Math.round(images * multiarch);
  const ofNested = Math.round(indexes * nested);
  const ofCharts = Math.min(Math.round(images * charts), images - indexes);
  return [
    ...cycle<ContentKind>(['nested'], ofNested),
    ...cycle<ContentKind>(['oci-index', 'docker-list', 'attested'], indexes - ofNested),
    ...cycle<ContentKind>(['chart'], ofCharts),
    ...cycle<ContentKind>(['docker', 'oci'], images - indexes - ofCharts),
  ];
}

function referrerKinds({ images, referrers }: NoiseOptions): (ReferrerKind | undefined)[] {
  const some = Math.round(images * referrers);
  return [
    ...cycle<ReferrerKind | undefined>(['fallback', 'signature', 'subject'], some),
    ...cycle<ReferrerKind | undefined>([undefined], images - some),
  ];
}

function cycle<T>(kinds: readonly T[], count: number): T[] {
  return Array.from({ length: Math.ceil(count / kinds.length) }, () => kinds)
    .flat()
    .slice(0, count);
}

function content(
  kind: ContentKind,
  number: number,
  layers: () => readonly LayerDesign[],
  newLayer: () => LayerDesign,
): ContentDesign {
  const image = (format: Format, platform: Platform): ImageDesign => ({
    kind: 'image',
    number,
    format,
    platform,
    layers: layers(),
  });
  const index = (format: Format, children: readonly ContentDesign[], attested = false): IndexDesign => ({
    kind: 'index',
    format,
    children,
    attested,
  });
  switch (kind) {
    case 'docker':
    case 'oci':
      return image(kind, amd64);
    case 'chart':
      return { kind: 'chart', number, layer: newLayer() };
    case 'docker-list':
      return index('docker', [image('docker', amd64), image('docker', arm64)]);
    case 'oci-index':
      return index('oci', [image('oci', amd64), image('oci', arm64), image('oci', armv7)]);
    case 'attested':
      return index('oci', [image('oci', amd64), image('oci', arm64)], true);
    case 'nested':
      return index('oci', [index('oci', [image('oci', arm64), image('oci', armv7)]), image('oci', amd64)]);
  }
}

function layerMaker({ layerSize, shared }: NoiseOptions, random: Random): () => LayerDesign {
  const made: LayerDesign[] = [];
  return () => {
    // The older a layer is, the more share it, as with base images.
    const old = random.chance(shared)
      ? made[random.integer(0, random.integer(0, made.length - 1))]
      : undefined;
    if (old !== undefined) return old;
    const layer = { id: String(made.length), size: random.integer(layerSize.min, layerSize.max) };
    made.push(layer);
    return layer;
  };
}

/** As many as asked for; the same layer twice in an image is one fewer. */
function layersOf(count: number, newLayer: () => LayerDesign): readonly LayerDesign[] {
  return [...new Set(Array.from({ length: count }, newLayer))];
}

/** `latest`, `v1`, `v2`, … */
function tagName(number: number): string {
  return number === 0 ? 'latest' : `v${number}`;
}

const teams = ['team', 'ops', 'data', 'web'] as const;
const apps = ['app', 'api', 'worker', 'tools'] as const;

/**
 * The prefix alone when one is enough, and otherwise names at several depths, every other one inside another
 * repository's directory (`team/app`, `team/app/nested`).
 */
function repositoryNames(prefix: string, count: number): readonly string[] {
  if (count === 1) return [prefix];
  return Array.from({ length: count }, (_, number) => {
    const pair = Math.floor(number / 2);
    const team = teams[pair % teams.length];
    const app = apps[Math.floor(pair / teams.length) % apps.length];
    const round = Math.floor(pair / (teams.length * apps.length));
    const name = `${prefix}/${team}/${app}${round === 0 ? '' : round}`;
    return number % 2 === 0 ? name : `${name}/nested`;
  });
}
