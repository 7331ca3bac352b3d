import { type Descriptor, parseAll, parseDescriptor, parseSchema1Layer } from './descriptor.ts';
import type { Digest } from './digest.ts';
import {
  type Fields,
  isRecord,
  manifestShape,
  misfit,
  quote,
  schema1HistoryShape,
  schema1Shape,
} from './manifest-fields.ts';
import { readJson } from './manifest-json.ts';

export type { Descriptor };

export type ParsedManifest =
  /** One image or artifact: Docker schema 2, OCI image, Helm chart, signature, attestation. */
  | {
      readonly kind: 'image';
      readonly mediaType: string;
      readonly artifactType?: string;
      readonly config: Descriptor | undefined;
      readonly layers: readonly Descriptor[];
      readonly subject: Digest | undefined;
    }
  /**
   * A manifest list or image index. A child may be an index again. It need not be a manifest: BuildKit's registry
   * cache is an index of layers, which their media types tell.
   */
  | {
      readonly kind: 'index';
      readonly mediaType: string;
      readonly artifactType?: string;
      readonly children: readonly Descriptor[];
      readonly subject: Digest | undefined;
    }
  | { readonly kind: 'schema1'; readonly mediaType: string; readonly layers: readonly Descriptor[] }
  /** It may name anything, in ways that nobody here knows. */
  | { readonly kind: 'unknown'; readonly mediaType: string | undefined; readonly why: string }
  /** The registry fails on it, or reads it otherwise than others do. */
  | { readonly kind: 'damaged'; readonly why: string };

/** Bytes; the registry reads no longer manifest (distribution, registry/storage/io.go). */
export const manifestLimit = 4 * 1024 * 1024;

/** What the registry serves. Everything else it refuses to take (schema 1 apart, which 2.x may take). */
export const manifestMediaTypes = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
] as const;

/** The value of `Accept` with which the registry shows every manifest as it was pushed. */
export const acceptManifests = manifestMediaTypes.join(', ');

type Kind = 'image' | 'index' | 'schema1';

const [dockerImage, dockerList, ociImage, ociIndex] = manifestMediaTypes;
const signedSchema1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
const kinds: ReadonlyMap<string, Kind> = new Map([
  [dockerImage, 'image'],
  [dockerList, 'index'],
  [ociImage, 'image'],
  [ociIndex, 'index'],
  [signedSchema1, 'schema1'],
  ['application/vnd.docker.distribution.manifest.v1+json', 'schema1'],
]);
/** What a manifest is that does not say its media type. */
const unsaid: Readonly<Record<Kind, string>> = { image: ociImage, index: ociIndex, schema1: signedSchema1 };
/** Where manifests name what they are made of; and where each kind does. */
const references = ['config', 'layers', 'manifests', 'blobs', 'fsLayers', 'subject'] as const;
const own: Readonly<Record<Kind, readonly string[]>> = {
  image: ['config', 'layers', 'subject'],
  index: ['manifests', 'subject'],
  schema1: ['fsLayers'],
};

/**
 * Reads a manifest as the registry's own collector does (distribution, registry/storage/manifeststore.go of v2.8.3
 * and v3.1.1). What either of them fails on is `damaged` (schema 1 apart, on which v3 fails), and so is what names
 * more than they would mark. Never throws, whatever the bytes.
 */
export function parseManifest(bytes: Uint8Array): ParsedManifest {
  if (bytes.length === 0) return damaged('empty');
  if (bytes.length > manifestLimit) return damaged(`longer than ${manifestLimit} bytes`);
  const json = readJson(bytes);
  if ('why' in json) return damaged(json.why);
  const root = json.value;
  if (!isRecord(root)) return damaged('not a JSON object');
  const mediaType = textIn(root.mediaType);
  if (mediaType !== undefined && !kinds.has(mediaType)) {
    return { kind: 'unknown', mediaType, why: `${quote(mediaType)} is no media type that is known` };
  }
  const why = misfit(root, manifestShape);
  if (why !== undefined) return damaged(why);
  if (root.schemaVersion !== 1 && root.schemaVersion !== 2) {
    return damaged(`the schema version is ${quote(String(root.schemaVersion))}, neither 1 nor 2`);
  }
  const kind = mediaType === undefined ? kindByShape(root) : kinds.get(mediaType);
  if (kind === undefined) {
    return { kind: 'unknown', mediaType, why: 'neither a media type nor "manifests", "layers" or "config"' };
  }
  if ((kind === 'schema1') !== (root.schemaVersion === 1)) {
    return damaged(
      `schema version ${root.schemaVersion} contradicts the media type ${quote(mediaType ?? '')}`,
    );
  }
  const foreign = references.find((name) => isSet(root[name]) && !own[kind].includes(name));
  if (foreign !== undefined) return damaged(`"${foreign}" does not belong in ${mediaType ?? unsaid[kind]}`);
  return parsers[kind](root, mediaType ?? unsaid[kind]);
}

/** Whether something of that media type names further things. */
function isManifestMediaType(mediaType: string | undefined): boolean {
  return mediaType !== undefined && kinds.has(mediaType);
}

const parsers = { image: parseImage, index: parseIndex, schema1: parseSchema1 } as const;

function parseImage(root: Fields, mediaType: string): ParsedManifest {
  if (!isSet(root.config) && !isSet(root.layers)) return damaged('neither "config" nor "layers"');
  const config = isSet(root.config) ? parseDescriptor(root.config, 'config') : undefined;
  if (typeof config === 'string') return damaged(config);
  const layers = parseAll(listIn(root.layers), 'layers', parseDescriptor);
  if (typeof layers === 'string') return damaged(layers);
  const subject = subjectOf(root);
  if (typeof subject === 'object') return subject;
  // Registry 3 takes such an image. What the inner manifest names lives only as long as its own revision does.
  const inner = [config, ...layers].find((descriptor) => isManifestMediaType(descriptor?.mediaType));
  if (inner !== undefined) {
    return { kind: 'unknown', mediaType, why: `it names the manifest ${inner.digest} as if it were a layer` };
  }
  return { kind: 'image', mediaType, ...artifactTypeOf(root), config, layers, subject };
}

function parseIndex(root: Fields, mediaType: string): ParsedManifest {
  // Programs in Go write an empty list as null.
  if (root.manifests === undefined) return damaged('no "manifests"');
  const children = parseAll(listIn(root.manifests), 'manifests', parseDescriptor);
  if (typeof children === 'string') return damaged(children);
  const subject = subjectOf(root);
  if (typeof subject === 'object') return subject;
  return { kind: 'index', mediaType, ...artifactTypeOf(root), children, subject };
}

function parseSchema1(root: Fields, mediaType: string): ParsedManifest {
  if (!isSet(root.fsLayers)) return damaged('no "fsLayers"');
  const layers = parseAll(listIn(root.fsLayers), 'fsLayers', parseSchema1Layer);
  if (typeof layers === 'string') return damaged(layers);
  const inHistory = (entry: unknown): string | undefined =>
    isRecord(entry) ? misfit(entry, schema1HistoryShape) : 'an entry of "history" is not an object';
  const why = misfit(root, schema1Shape) ?? listIn(root.history).map(inHistory).find(isSet);
  return why === undefined ? { kind: 'schema1', mediaType, layers } : damaged(why);
}

/** As the registry infers it: an index comes first, and an empty one counts. */
function kindByShape(root: Fields): Kind | undefined {
  if (root.schemaVersion === 1) return 'schema1';
  if (isSet(root.manifests)) return 'index';
  return isSet(root.layers) || isSet(root.config) ? 'image' : undefined;
}

function subjectOf(root: Fields): Digest | undefined | Extract<ParsedManifest, { kind: 'damaged' }> {
  if (!isSet(root.subject)) return undefined;
  const subject = parseDescriptor(root.subject, 'subject');
  return typeof subject === 'string' ? damaged(subject) : subject.digest;
}

function artifactTypeOf(root: Fields): { readonly artifactType?: string } {
  const artifactType = textIn(root.artifactType);
  return artifactType === undefined ? {} : { artifactType };
}

/** Null is a field left out, in Go as here. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function damaged(why: string): Extract<ParsedManifest, { kind: 'damaged' }> {
  return { kind: 'damaged', why };
}
