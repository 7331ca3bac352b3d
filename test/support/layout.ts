import { createHash } from 'node:crypto';

// Where the registry keeps what, below the driver's root (distribution, registry/storage/paths.go).
const v2 = 'docker/registry/v2';

/** Paths below the driver's root. */
export const at = {
  repositories: `${v2}/repositories`,
  blobs: `${v2}/blobs`,
  repository: (repository: string): string => `${v2}/repositories/${repository}`,
  tag: (repository: string, tag: string): string => `${v2}/repositories/${repository}/_manifests/tags/${tag}`,
  current: (repository: string, tag: string): string => `${at.tag(repository, tag)}/current/link`,
  history: (repository: string, tag: string, digest: string): string =>
    `${at.tag(repository, tag)}/index/${path(digest)}/link`,
  revision: (repository: string, digest: string): string =>
    `${v2}/repositories/${repository}/_manifests/revisions/${path(digest)}/link`,
  layer: (repository: string, digest: string): string =>
    `${v2}/repositories/${repository}/_layers/${path(digest)}/link`,
  upload: (repository: string, id: string): string => `${v2}/repositories/${repository}/_uploads/${id}`,
  blob: (digest: string): string => `${v2}/blobs/${digest.replace(/:(..)/, '/$1/$1')}/data`,
} as const;

/** `<algorithm>:<hex>` of some bytes. */
export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

function path(digest: string): string {
  return digest.replace(':', '/');
}
