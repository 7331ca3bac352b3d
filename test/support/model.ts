import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256OfFile, walk } from './tree.ts';

export interface Link {
  readonly kind: 'tag' | 'history' | 'revision' | 'layer';
  /** Below the driver's root. */
  readonly path: string;
  /** The digest that its path tells. */
  readonly digest: string;
  /** The digest that it holds, as it stands there. */
  readonly target: string;
}

export interface RepositoryModel {
  readonly name: string;
  /** Tag → the link that makes it one. */
  readonly tags: Map<string, Link>;
  readonly history: Link[];
  readonly revisions: Map<string, Link>;
  /** By the digest in the path. */
  readonly layers: Map<string, Link>;
}

/** A storage as it stands, read by plain walking. What is damaged is in it as it is. */
export interface Model {
  readonly root: string;
  readonly repositories: ReadonlyMap<string, RepositoryModel>;
  /** Path → link, of every repository. */
  readonly links: ReadonlyMap<string, Link>;
  /** Digest in the path → path of the data. */
  readonly blobs: ReadonlyMap<string, string>;
}

export interface References {
  readonly children: readonly string[];
  /** Config and layers; foreign layers are not among them, for the registry need not have them. */
  readonly blobs: readonly string[];
  readonly subject: string | undefined;
}

const linkFile = /^docker\/registry\/v2\/repositories\/(.+?)\/(_(?:manifests|layers)\/.+)\/link$/s;
const blobFile = /^docker\/registry\/v2\/blobs\/([a-z0-9]+)\/[^/]+\/([0-9a-f]+)\/data$/;

/** Reads the storage below a driver's root. */
export function readModel(root: string): Model {
  const repositories = new Map<string, RepositoryModel>();
  const links = new Map<string, Link>();
  const blobs = new Map<string, string>();
  for (const { path, stats } of walk(root)) {
    if (!stats.isFile()) continue;
    const blob = blobAt(path);
    if (blob !== undefined) blobs.set(blob, path);
    const [, name, inside] = linkFile.exec(path) ?? [];
    if (name === undefined || inside === undefined) continue;
    const repository = repositories.get(name) ?? emptyRepository(name);
    repositories.set(name, repository);
    const link = addLink(repository, inside, path, readFileSync(join(root, path), 'utf8'));
    if (link !== undefined) links.set(path, link);
  }
  return { root, repositories, links, blobs };
}

/** The digest whose data a path below the driver's root is, if it is any's. */
export function blobAt(path: string): string | undefined {
  const [, algorithm, hex] = blobFile.exec(path) ?? [];
  return algorithm === undefined ? undefined : `${algorithm}:${hex}`;
}

/** What a manifest of the storage names; undefined when it is not there or cannot be read. */
export function referencesOf(model: Model, digest: string): References | undefined {
  return once(references, model, digest, () => readReferences(model, digest));
}

/** Whether a blob's bytes are there and hash to its name. */
export function isWhole(model: Model, digest: string): boolean {
  return once(wholeness, model, digest, () => {
    const path = model.blobs.get(digest);
    return path !== undefined && `sha256:${sha256OfFile(join(model.root, path))}` === digest;
  });
}

/** Which blob a repository means by a digest: its layer link's content decides, where it has one. */
export function resolve(repository: RepositoryModel, digest: string): string {
  return repository.layers.get(digest)?.target ?? digest;
}

// Manifests are parsed and blobs hashed once per model, however many tags share them.
const references = new WeakMap<Model, Map<string, References | undefined>>();
const wholeness = new WeakMap<Model, Map<string, boolean>>();

function once<T>(memory: WeakMap<Model, Map<string, T>>, model: Model, digest: string, find: () => T): T {
  const known = memory.get(model) ?? new Map<string, T>();
  memory.set(model, known);
  if (!known.has(digest)) known.set(digest, find());
  return known.get(digest) as T;
}

function readReferences(model: Model, digest: string): References | undefined {
  const relative = model.blobs.get(digest);
  if (relative === undefined) return undefined;
  const path = join(model.root, relative);
  let manifest: Record<string, unknown>;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  const layers = [manifest.config, ...list(manifest.layers)].filter((layer) => !isForeign(layer));
  return {
    children: list(manifest.manifests).flatMap((child) => text(child, 'digest')),
    blobs: [
      ...layers.flatMap((layer) => text(layer, 'digest')),
      ...list(manifest.fsLayers).flatMap((layer) => text(layer, 'blobSum')),
    ],
    subject: text(manifest.subject, 'digest')[0],
  };
}

function emptyRepository(name: string): RepositoryModel {
  return { name, tags: new Map(), history: [], revisions: new Map(), layers: new Map() };
}

function addLink(
  repository: RepositoryModel,
  inside: string,
  path: string,
  target: string,
): Link | undefined {
  const [area, first, second, ...rest] = inside.split('/');
  if (area === '_layers') {
    const link: Link = { kind: 'layer', path, digest: `${first}:${second}`, target };
    repository.layers.set(link.digest, link);
    return link;
  }
  if (first === 'revisions') {
    const link: Link = { kind: 'revision', path, digest: `${second}:${rest[0]}`, target };
    repository.revisions.set(link.digest, link);
    return link;
  }
  if (first !== 'tags' || second === undefined) return undefined;
  if (rest[0] === 'current') {
    const link: Link = { kind: 'tag', path, digest: target, target };
    repository.tags.set(second, link);
    return link;
  }
  const link: Link = { kind: 'history', path, digest: `${rest[1]}:${rest[2]}`, target };
  repository.history.push(link);
  return link;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown, key: string): readonly string[] {
  const found = isRecord(value) ? value[key] : undefined;
  return typeof found === 'string' ? [found] : [];
}

function isForeign(layer: unknown): boolean {
  return isRecord(layer) && list(layer.urls).length > 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
