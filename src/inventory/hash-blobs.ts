import { createHash } from 'node:crypto';
import { splitDigest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';
import type { DigestId, Inventory } from './inventory.ts';

export interface HashProgress {
  readonly blobs: number;
  readonly bytes: number;
}

/** Streams every blob and hashes it. Yields the ids of those whose bytes are not what their name says. */
export async function hashBlobs(
  reader: Reader,
  inventory: Inventory,
  options: { readonly signal: AbortSignal; readonly onProgress: (progress: HashProgress) => void },
): Promise<{ readonly corrupt: readonly DigestId[]; readonly read: HashProgress }> {
  const ids: DigestId[] = [];
  inventory.eachBlob((id) => ids.push(id));
  const corrupt: DigestId[] = [];
  let blobs = 0;
  let bytes = 0;
  for (const id of ids) {
    options.signal.throwIfAborted();
    const digest = inventory.digest(id);
    const { algorithm, hex } = splitDigest(digest);
    const key = keyOf.blob(digest);
    // Swept by somebody since it was listed: not there is not corrupt.
    if ((await reader.stat(key)) === undefined) continue;
    const hash = createHash(algorithm);
    for await (const chunk of await reader.open(key)) {
      options.signal.throwIfAborted();
      hash.update(chunk);
      bytes += (chunk as Buffer).length;
    }
    if (hash.digest('hex') !== hex) corrupt.push(id);
    blobs++;
    options.onProgress({ blobs, bytes });
  }
  return { corrupt, read: { blobs, bytes } };
}
