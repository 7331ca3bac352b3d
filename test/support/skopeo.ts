import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sha256OfFile } from './tree.ts';

export interface Copied {
  /** `sha256:…` of the manifest that the tag names and of all below it, sorted. */
  readonly manifests: readonly string[];
  /** Every file of the copy (manifests, configs, layers) → sha256 of its bytes, in hex. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Pulls a tag (or a digest) with a client that is not ours: all platforms, digests preserved, into the empty directory
 * `destination`. Two copies of a tag that lost nothing in between are equal. `url` may hold a user and password.
 */
export async function skopeoCopyAll(
  url: string,
  repository: string,
  reference: string,
  destination: string,
): Promise<Copied> {
  const { host, username, password } = new URL(url);
  const login = username === '' ? ['--src-no-creds'] : ['--src-creds', `${username}:${password}`];
  const source = `docker://${host}/${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
  const flags = [
    '--insecure-policy',
    'copy',
    '--all',
    '--preserve-digests',
    '--src-tls-verify=false',
    '--quiet',
  ];
  await promisify(execFile)('skopeo', [...flags, ...login, source, `dir:${destination}`], {
    timeout: 60_000,
  });
  const files = new Map<string, string>();
  for (const name of readdirSync(destination).sort()) files.set(name, sha256OfFile(join(destination, name)));
  const manifests = [...files]
    .filter(([name]) => name === 'manifest.json' || name.endsWith('.manifest.json'))
    .map(([, hex]) => `sha256:${hex}`);
  return { manifests: [...new Set(manifests)].sort(), files };
}
