import { randomInt } from 'node:crypto';
import { fail } from '../errors.ts';
import type { NoiseOptions } from './design.ts';

/** Arguments of `noise` as they were typed. */
export interface NoiseArguments {
  readonly images?: string;
  readonly repositories?: string;
  readonly tags?: string;
  readonly layers?: string;
  readonly layerSize?: string;
  readonly shared?: string;
  readonly multiarch?: string;
  readonly nested?: string;
  readonly charts?: string;
  readonly referrers?: string;
  readonly seed?: string;
  readonly prefix?: string;
  /** One repository, one tag, overwritten by plain images with layers of their own. */
  readonly single?: boolean;
}

export interface NoiseFlag {
  /** As commander takes it. */
  readonly flags: string;
  readonly description: string;
}

const defaults = {
  images: '25',
  repositories: '4',
  tags: '3',
  layers: '4',
  layerSize: '1KiB-32KiB',
  shared: '0.3',
  multiarch: '0.2',
  nested: '0',
  charts: '0.1',
  referrers: '0.2',
  prefix: 'noise',
} as const;

/** What `--single` makes of what was not said. */
const single = {
  repositories: '1',
  tags: '1',
  shared: '0',
  multiarch: '0',
  charts: '0',
  referrers: '0',
} as const;

/** The flags of `noise`, in the order of its help. The defaults are in their descriptions: `--single` changes them. */
export const noiseFlags: readonly NoiseFlag[] = [
  {
    flags: '--repositories <n>',
    description: `repositories to spread over (default: ${defaults.repositories})`,
  },
  { flags: '--tags <n>', description: `tags per repository, then overwritten (default: ${defaults.tags})` },
  { flags: '--layers <n>', description: `layers per image (default: ${defaults.layers})` },
  {
    flags: '--layer-size <size>',
    description: `of a layer, or a range: 64KiB, 1MiB-2MiB (default: ${defaults.layerSize})`,
  },
  {
    flags: '--shared <share>',
    description: `0 to 1: layers that were pushed before (default: ${defaults.shared})`,
  },
  {
    flags: '--multiarch <share>',
    description: `0 to 1: images for several platforms (default: ${defaults.multiarch})`,
  },
  {
    flags: '--nested <share>',
    description: `0 to 1: of those, indexes of indexes, which skopeo cannot copy (default: ${defaults.nested})`,
  },
  { flags: '--charts <share>', description: `0 to 1: Helm charts (default: ${defaults.charts})` },
  {
    flags: '--referrers <share>',
    description: `0 to 1: images with a signature or an attached artifact (default: ${defaults.referrers})`,
  },
  {
    flags: '--seed <text>',
    description: 'same seed, same options: same digests (default: a new one, printed)',
  },
  {
    flags: '--prefix <name>',
    description: `first part of every repository's name (default: ${defaults.prefix})`,
  },
  { flags: '--single', description: 'one repository with one tag that every image overwrites' },
];

/** Errors: USAGE, for the first argument that is of no use. */
export function parseNoise(given: NoiseArguments): NoiseOptions {
  const stated = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const text: Record<keyof typeof defaults, string> = {
    ...defaults,
    ...(given.single === true ? single : {}),
    ...stated,
  };
  return {
    images: whole('N', text.images, 0, 1_000_000),
    repositories: whole('--repositories', text.repositories, 1, 100_000),
    tags: whole('--tags', text.tags, 1, 1_000_000),
    layers: whole('--layers', text.layers, 1, 127),
    layerSize: sizes('--layer-size', text.layerSize),
    shared: share('--shared', text.shared),
    multiarch: share('--multiarch', text.multiarch),
    nested: share('--nested', text.nested),
    charts: share('--charts', text.charts),
    referrers: share('--referrers', text.referrers),
    seed: given.seed ?? String(randomInt(2 ** 32)),
    prefix: repositoryName('--prefix', text.prefix),
  };
}

function whole(flag: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : refuse(flag, text, `a whole number from ${min} to ${max}`);
}

function share(flag: string, text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  return value <= 1 ? value : refuse(flag, text, 'a number from 0 to 1');
}

const units: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};
/** A layer is made in memory. */
const largest = 1024 ** 3;

function sizes(flag: string, text: string): { min: number; max: number } {
  const [min, max, ...rest] = text.includes('-') ? text.split('-').map(bytes) : [bytes(text), bytes(text)];
  if (min === undefined || max === undefined || rest.length > 0 || min > max || max > largest) {
    return refuse(flag, text, 'a size up to 1GiB (64KiB), or two of them (1MiB-2MiB)');
  }
  return { min, max };
}

function bytes(text: string): number | undefined {
  const [, number, unit = 'b'] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)?\s*$/.exec(text) ?? [];
  const factor = Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined;
  return number === undefined || factor === undefined ? undefined : Math.round(Number(number) * factor);
}

/** The registry's own grammar (distribution, reference/regexp.go), with room for what is appended. */
function repositoryName(flag: string, text: string): string {
  const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
  const valid = text.length <= 200 && new RegExp(`^${component}(?:/${component})*$`).test(text);
  return valid ? text : refuse(flag, text, 'a repository name: lower-case letters, digits, . _ - and /');
}

function refuse(flag: string, text: string, wanted: string): never {
  return fail('USAGE', { message: `${flag} must be ${wanted}, not ${JSON.stringify(text)}.` });
}
