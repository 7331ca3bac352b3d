import { createHash } from 'node:crypto';

/** The name of some bytes: `<algorithm>:<lower-case hex>`. Check text from outside with `parseDigest`. */
export type Digest = string;

/** Algorithms that the registry knows, each with the exact length of its hex (opencontainers/go-digest, algorithm.go). */
const pattern = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
const longest = 'sha512:'.length + 128;
const sha256Length = 'sha256:'.length + 64;
/** 1 for each lower-case hexadecimal digit, by its code. */
const hexDigits = Uint8Array.from({ length: 128 }, (_, code) =>
  /[0-9a-f]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** `text` as a digest, or undefined. As strict as the registry: no upper case, no white space, nothing around it. */
export function parseDigest(text: string): Digest | undefined {
  return isDigest(text) ? text : undefined;
}

export function isDigest(text: string): boolean {
  return text.length === sha256Length ? isSha256(text) : text.length <= longest && pattern.test(text);
}

/** What the pattern says of that length, in half the time: a large registry names hundreds of thousands. */
function isSha256(text: string): boolean {
  if (!text.startsWith('sha256:')) return false;
  let isHex = 1;
  for (let i = 'sha256:'.length; i < sha256Length; i++) isHex &= hexDigits[text.charCodeAt(i)] ?? 0;
  return isHex === 1;
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
