import { type Digest, parseDigest, splitDigest } from './digest.ts';

/**
 * The registry's storage as one grammar, both ways. No other file joins or takes apart a path of it.
 *
 *     docker/registry/v2/
 *     ├── blobs/<alg>/<hex[0:2]>/<hex>/data            content: manifests, configs, layers alike
 *     └── repositories/<name>/                         names nest: team/app and team/app/nested are both repositories
 *         ├── _layers/<alg>/<hex>/link                 this blob may be pulled from here
 *         ├── _manifests/
 *         │   ├── revisions/<alg>/<hex>/link           this manifest may be pulled from here
 *         │   └── tags/<tag>/
 *         │       ├── current/link                     what the tag resolves to
 *         │       └── index/<alg>/<hex>/link           what it ever resolved to; keeps nothing alive
 *         └── _uploads/<id>/                           pushes in flight, or broken off
 *             ├── data
 *             ├── startedat
 *             └── hashstates/<alg>/<offset>
 *
 * A link's content is a digest, `<alg>:<hex>` with nothing around it; the content decides, not the path: a blob
 * pushed by its sha512 has `_layers/sha512/…/link` naming its sha256.
 * Source: distribution `registry/storage/paths.go`, tags v2.8.3 and v3.1.1.
 */
export const storageRoot = 'docker/registry/v2/';
export const repositoriesRoot = `${storageRoot}repositories/`;
export const blobsRoot = `${storageRoot}blobs/`;

/** The three directories that make a directory a repository. */
export type Area = '_layers' | '_manifests' | '_uploads';

/** What a key is. Directories occur only when empty (see `Entry`), with a trailing `/`. */
export type Place =
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'revision' | 'layer-link'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly repository: string; readonly tag: string }
  | {
      readonly kind: 'tag-history';
      readonly repository: string;
      readonly tag: string;
      readonly digest: Digest;
    }
  | { readonly kind: 'upload'; readonly repository: string; readonly upload: string; readonly file: string }
  /** An empty directory where one belongs, or may be left over. */
  | {
      readonly kind: 'directory';
      readonly repository?: string;
      readonly area?: Area;
      readonly sub?: 'tags' | 'revisions';
      readonly tag?: string;
      readonly upload?: string;
    }
  /** A file that v3 writes before it renames (`link.<uuid>.tmp`), left over by a crash. */
  | { readonly kind: 'temporary'; readonly repository?: string; readonly area?: Area }
  /** Under a directory that holds `_layers`, `_manifests` or `_uploads` and whose name is no repository's. */
  | { readonly kind: 'invalid-repository'; readonly name: string; readonly area: Area }
  /** Named `link` (or, under blobs, `data`) where the registry's collector would read it, but not as the grammar wants. */
  | { readonly kind: 'misplaced'; readonly repository?: string }
  /** Anything else. */
  | { readonly kind: 'stray'; readonly repository?: string }
  /** Not below `docker/registry/v2/repositories` or `…/blobs`. */
  | { readonly kind: 'outside' };

const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
// The reference grammar takes the first of several components for a host name, which may have capitals.
const host = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
const tagName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const uploadId = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;
const temporary = /\.tmp$/;

/** Whether the registry, its API and its collector, takes `name` for a repository's name (at most 255 characters). */
export function isRepositoryName(name: string): boolean {
  if (name.length === 0 || name.length > 255) return false;
  const parts = name.split('/');
  return parts.every((part, i) => component.test(part) || (i === 0 && parts.length > 1 && host.test(part)));
}

/** Whether `tag` can be a tag's name. */
export function isTagName(tag: string): boolean {
  return tagName.test(tag);
}

const spareBlobDirectory = /^[a-z0-9]+\/(?:[0-9a-f]{2}\/(?:[0-9a-f]{64,128}\/)?)?$/;
const neededInRepository = /\/(?:_layers|_manifests|_manifests\/tags|_manifests\/revisions)\/$/;

/**
 * Whether an *empty* directory is of no use to the registry and may go. `_layers`, `_manifests`, `tags` and
 * `revisions` are needed even when empty: without one of them a registry loses sight of the repository, or its
 * collector fails (distribution-library-image#172). Directories with names of others are not ours to remove.
 */
export function isSpareDirectory(key: string): boolean {
  if (key.startsWith(blobsRoot)) return spareBlobDirectory.test(key.slice(blobsRoot.length));
  if (!key.startsWith(repositoriesRoot) || key === repositoriesRoot || neededInRepository.test(key))
    return false;
  const place = placeOf(key);
  if (place.kind !== 'directory') return false;
  if (place.area !== undefined) return true;
  return isRepositoryName(key.slice(repositoriesRoot.length, -1));
}

function digestPath(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `${algorithm}/${hex}`;
}

/** Keys from what they mean. Those ending with `/` are directories. */
export const keyOf = {
  repository: (repository: string): string => `${repositoriesRoot}${repository}/`,
  area: (repository: string, area: Area): string => `${repositoriesRoot}${repository}/${area}/`,
  manifests: (repository: string): string => `${repositoriesRoot}${repository}/_manifests/`,
  tags: (repository: string): string => `${repositoriesRoot}${repository}/_manifests/tags/`,
  tag: (repository: string, tag: string): string =>
    `${repositoriesRoot}${repository}/_manifests/tags/${tag}/current/link`,
  tagHistory: (repository: string, tag: string, digest: Digest): string =>
    `${repositoriesRoot}${repository}/_manifests/tags/${tag}/index/${digestPath(digest)}/link`,
  revision: (repository: string, digest: Digest): string =>
    `${repositoriesRoot}${repository}/_manifests/revisions/${digestPath(digest)}/link`,
  layerLink: (repository: string, digest: Digest): string =>
    `${repositoriesRoot}${repository}/_layers/${digestPath(digest)}/link`,
  upload: (repository: string, upload: string): string =>
    `${repositoriesRoot}${repository}/_uploads/${upload}/`,
  blob: (digest: Digest): string => {
    const { algorithm, hex } = splitDigest(digest);
    return `${blobsRoot}${algorithm}/${hex.slice(0, 2)}/${hex}/data`;
  },
} as const;

/** What `key` is: the inverse of `keyOf`, total: every key is something. */
export function placeOf(key: string): Place {
  if (key.startsWith(repositoriesRoot)) return inRepositories(key.slice(repositoriesRoot.length));
  if (key.startsWith(blobsRoot)) return inBlobs(key.slice(blobsRoot.length));
  return { kind: 'outside' };
}

function inBlobs(rest: string): Place {
  const parts = rest.split('/');
  const [algorithm, prefix, hex, file] = parts;
  if (rest.endsWith('/') || rest === '') return { kind: 'directory' };
  if (parts.length === 4 && file === 'data') {
    const digest = parseDigest(`${algorithm}:${hex}`);
    if (digest !== undefined && prefix === hex?.slice(0, 2)) return { kind: 'blob', digest };
  }
  const name = parts[parts.length - 1] ?? '';
  // The collector takes every file named `data` for a blob and fails on one whose path is no digest's.
  if (name === 'data') return { kind: 'misplaced' };
  return temporary.test(name) ? { kind: 'temporary' } : { kind: 'stray' };
}

function isArea(part: string): part is Area {
  return part === '_layers' || part === '_manifests' || part === '_uploads';
}

function inRepositories(rest: string): Place {
  const directory = rest.endsWith('/') || rest === '';
  const parts = (directory ? rest.slice(0, -1) : rest).split('/');
  const at = parts.findIndex((part) => part.startsWith('_'));
  if (at === -1) return directory ? { kind: 'directory' } : outsideAreas(parts);
  const area = parts[at] ?? '';
  if (!isArea(area)) return directory ? { kind: 'directory' } : outsideAreas(parts);
  const repository = parts.slice(0, at).join('/');
  if (!isRepositoryName(repository)) return { kind: 'invalid-repository', name: repository, area };
  const inside = parts.slice(at + 1);
  if (directory) return emptyDirectory(repository, area, inside);
  return inArea(repository, area, inside) ?? leftOver(repository, area, inside);
}

function outsideAreas(parts: readonly string[]): Place {
  const name = parts[parts.length - 1] ?? '';
  return temporary.test(name) ? { kind: 'temporary' } : { kind: 'stray' };
}

function leftOver(repository: string, area: Area, inside: readonly string[]): Place {
  const name = inside[inside.length - 1] ?? '';
  if (temporary.test(name)) return { kind: 'temporary', repository, area };
  if (name === 'link' && area !== '_uploads') return { kind: 'misplaced', repository };
  return { kind: 'stray', repository };
}

function emptyDirectory(repository: string, area: Area, inside: readonly string[]): Place {
  const [first, second] = inside;
  if (area === '_uploads') return { kind: 'directory', repository, area, upload: first };
  if (area === '_manifests' && (first === 'tags' || first === 'revisions')) {
    return { kind: 'directory', repository, area, sub: first, tag: first === 'tags' ? second : undefined };
  }
  return { kind: 'directory', repository, area };
}

function inArea(repository: string, area: Area, inside: readonly string[]): Place | undefined {
  if (area === '_layers') {
    const digest = linkDigest(inside);
    return digest === undefined ? undefined : { kind: 'layer-link', repository, digest };
  }
  if (area === '_uploads') {
    const [upload, ...file] = inside;
    if (upload === undefined || !uploadId.test(upload) || file.length === 0) return undefined;
    const known = file.join('/');
    return /^(?:data|startedat|hashstates\/[a-z0-9]+\/[0-9]+)$/.test(known)
      ? { kind: 'upload', repository, upload, file: known }
      : undefined;
  }
  const [branch, ...below] = inside;
  if (branch === 'revisions') {
    const digest = linkDigest(below);
    return digest === undefined ? undefined : { kind: 'revision', repository, digest };
  }
  const [tag, leaf, ...link] = below;
  if (branch !== 'tags' || tag === undefined || !isTagName(tag)) return undefined;
  if (leaf === 'current' && link.length === 1 && link[0] === 'link') return { kind: 'tag', repository, tag };
  if (leaf !== 'index') return undefined;
  const digest = linkDigest(link);
  return digest === undefined ? undefined : { kind: 'tag-history', repository, tag, digest };
}

/** `<alg>/<hex>/link` → digest. */
function linkDigest(parts: readonly string[]): Digest | undefined {
  if (parts.length !== 3 || parts[2] !== 'link') return undefined;
  return parseDigest(`${parts[0]}:${parts[1]}`);
}
