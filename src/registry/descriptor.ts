import { type Digest, parseDigest } from './digest.ts';
import { descriptorShape, isRecord, misfit, quote, schema1LayerShape } from './manifest-fields.ts';

/** What a manifest says about something that it names. */
export interface Descriptor {
  readonly digest: Digest;
  /** Bytes; undefined when not told. */
  readonly size: number | undefined;
  readonly mediaType: string | undefined;
  /** It can be had elsewhere (`urls`), or is of a type that is not distributed: its absence is no loss. */
  readonly urls: boolean;
}

/** Layers of Docker and OCI images that registries need not have. */
const notDistributed =
  /^application\/vnd\.(?:docker\.image\.rootfs\.foreign|oci\.image\.layer\.nondistributable)\./;

/** The descriptor that `value` is, or why it is none. `at` tells where it stands. */
export function parseDescriptor(value: unknown, at: string): Descriptor | string {
  if (!isRecord(value)) return `${at} is not an object`;
  const why = misfit(value, descriptorShape);
  if (why !== undefined) return `${at}: ${why}`;
  const digest = digestIn(value.digest, at);
  if (typeof digest === 'object') return digest.why;
  const { size, mediaType, urls } = value;
  const named = typeof mediaType === 'string' && mediaType !== '' ? mediaType : undefined;
  return {
    digest,
    // The registry takes negative sizes, which tell nothing.
    size: typeof size === 'number' && size >= 0 ? size : undefined,
    mediaType: named,
    urls: (Array.isArray(urls) && urls.length > 0) || notDistributed.test(named ?? ''),
  };
}

/** The layer that an element of schema 1's `fsLayers` is, or why it is none. */
export function parseSchema1Layer(value: unknown, at: string): Descriptor | string {
  if (!isRecord(value)) return `${at} is not an object`;
  const why = misfit(value, schema1LayerShape);
  if (why !== undefined) return `${at}: ${why}`;
  const digest = digestIn(value.blobSum, at);
  return typeof digest === 'object'
    ? digest.why
    : { digest, size: undefined, mediaType: undefined, urls: false };
}

/** All of a list, or why the first that is none is none. */
export function parseAll<T extends object>(
  list: readonly unknown[],
  at: string,
  parse: (value: unknown, at: string) => T | string,
): readonly T[] | string {
  const parsed: T[] = [];
  for (const [i, value] of list.entries()) {
    const one = parse(value, `${at}[${i}]`);
    if (typeof one === 'string') return one;
    parsed.push(one);
  }
  return parsed;
}

function digestIn(value: unknown, at: string): Digest | { readonly why: string } {
  if (typeof value !== 'string') return { why: `${at} has no digest` };
  return parseDigest(value) ?? { why: `${at}: ${quote(value)} is not a digest` };
}
