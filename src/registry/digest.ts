import { createHash } from 'node:crypto';
import { readHex, sha256Bytes } from './hex.ts';

/** The name of some bytes: `<algorithm>:<lower-case hex>`. Check text from outside with `parseDigest`. */
export type Digest = string;

/** Algorithms that the registry knows, each with the exact length of its hex (opencontainers/go-digest, algorithm.go). */
const pattern = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
const longest = 'sha512:'.length + 128;
const sha256Length = 'sha256:'.length + 2 * sha256Bytes;
const unused = new Uint8Array(sha256Bytes);

/** `text` as a digest, or undefined. As strict as the registry: no upper case, no white space, nothing around it. */
export function parseDigest(text: string): Digest | undefined {
  return isDigest(text) ? text : undefined;
}

export function isDigest(text: string): boolean {
  // Says what the pattern says, in less time: a large registry names hundreds of thousands.
  if (text.length === sha256Length) return isSha256(text) && readHex(text, 'sha256:'.length, unused, 0);
  return text.length <= longest && pattern.test(text);
}

/** Of a digest: whether it is of that algorithm. */
export function isSha256(digest: Digest): boolean {
  return digest.startsWith('sha256:');
}

/** The two halves of a digest. */
export function splitDigest(digest: Digest): { algorithm: string; hex: string } {
  const colon = digest.indexOf(':');
  return { algorithm: digest.slice(0, colon), hex: digest.slice(colon + 1) };
}

/** The sha256 digest of `bytes`, under which the registry stores them. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
