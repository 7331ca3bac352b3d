import { setTimeout as sleep } from 'node:timers/promises';
import { type Digest, parseDigest } from '../registry/digest.ts';
import type { Reader } from '../storage/storage.ts';

/** Longest content of a link (`sha512:` and 128 hex digits), with room to see that one is too long. */
const linkLimit = 256;

/** A registry of the 2.x line truncates a link before it writes it: a bad one is read again, after so many ms, before it counts. */
export const rereadDelays = [20, 80, 200];

/** As `readLink`, and again while it is bad. */
export async function readLinkPatiently(reader: Reader, key: string): ReturnType<typeof readLink> {
  let found = await readLink(reader, key);
  for (const delay of rereadDelays) {
    if (typeof found !== 'object') return found;
    await sleep(delay);
    found = await readLink(reader, key);
  }
  return found;
}

/** The digest that a link names; what is wrong with it; undefined when it has vanished. */
export async function readLink(
  reader: Reader,
  key: string,
): Promise<Digest | { readonly wrong: string } | undefined> {
  const stat = await reader.read(key, linkLimit).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'FILE_TOO_LARGE') return null;
    throw error;
  });
  if (stat === undefined) return undefined;
  if (stat === null) return { wrong: `longer than ${linkLimit} bytes` };
  if (stat.length === 0) return { wrong: 'empty' };
  const text = Buffer.from(stat.buffer, stat.byteOffset, stat.byteLength).toString('latin1');
  return parseDigest(text) ?? { wrong: `not a digest: ${JSON.stringify(text.slice(0, 80))}` };
}

/** The time in an upload's `startedat` (RFC 3339); undefined when it tells none. */
export async function startedAt(reader: Reader, key: string): Promise<number | undefined> {
  const text = await reader.read(key, linkLimit).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'FILE_TOO_LARGE') return undefined;
    throw error;
  });
  const time = Date.parse(Buffer.from(text ?? []).toString('latin1'));
  return Number.isNaN(time) ? undefined : time;
}
