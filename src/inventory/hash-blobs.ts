import { createHash } from 'node:crypto';
import { reasonOf } from '../errors.ts';
import { type Digest, splitDigest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';
import type { DigestId, Inventory } from './inventory.ts';

export interface HashProgress {
  readonly blobs: number;
  readonly bytes: number;
}

export interface HashedBlobs {
  /** Their bytes are not what their name says, when looked at a second time either. */
  readonly corrupt: ReadonlySet<DigestId>;
  /** The disk fails on them: why. */
  readonly unreadable: ReadonlyMap<DigestId, string>;
  readonly read: HashProgress;
}

interface HashOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: HashProgress) => void;
}

/**
 * Streams every blob and hashes it. What is removed meanwhile is passed over. Throws what is no fault of one blob, such
 * as a lack of rights.
 */
export async function hashBlobs(
  reader: Reader,
  inventory: Inventory,
  { signal, onProgress }: HashOptions,
): Promise<HashedBlobs> {
  const ids: DigestId[] = [];
  inventory.eachBlob((id) => ids.push(id));
  const suspects: DigestId[] = [];
  const unreadable = new Map<DigestId, string>();
  let blobs = 0;
  let bytes = 0;
  for (const id of ids) {
    let length = 0;
    const onBytes = (count: number): void => {
      length += count;
    };
    const state = await hash(reader, inventory.digest(id), signal, onBytes);
    if (state === 'absent') continue;
    if (state === 'corrupt') suspects.push(id);
    if (typeof state === 'object') unreadable.set(id, state.why);
    bytes += length;
    onProgress({ blobs: ++blobs, bytes });
  }
  // A registry of the 2.x line writes a manifest in place: one that is half there now is whole in a moment.
  const corrupt = new Set<DigestId>();
  for (const id of suspects) {
    if ((await hash(reader, inventory.digest(id), signal, () => {})) === 'corrupt') corrupt.add(id);
  }
  return { corrupt, unreadable, read: { blobs, bytes } };
}

/** Whether the bytes of a blob hash to its name. False also when it is not there. Throws what the storage throws. */
export async function isBlobWhole(reader: Reader, digest: Digest): Promise<boolean> {
  return (await hash(reader, digest, new AbortController().signal, () => {})) === 'whole';
}

type BlobState = 'whole' | 'corrupt' | 'absent' | { readonly why: string };

async function hash(
  reader: Reader,
  digest: Digest,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<BlobState> {
  signal.throwIfAborted();
  const { algorithm, hex } = splitDigest(digest);
  const key = keyOf.blob(digest);
  const sum = createHash(algorithm);
  try {
    for await (const chunk of await reader.open(key)) {
      signal.throwIfAborted();
      sum.update(chunk);
      onBytes((chunk as Buffer).length);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    // Swept by somebody since it was listed: not there is not corrupt.
    if ((await reader.stat(key)) === undefined) return 'absent';
    if (isFaultOfTheDisk(error)) return { why: reasonOf(error) };
    throw error;
  }
  return sum.digest('hex') === hex ? 'whole' : 'corrupt';
}

/** What a system says of a place that cannot be read, whoever asks: bad sectors, a file system that is not sound. */
const diskFaults: ReadonlySet<string> = new Set(['EIO', 'EUCLEAN', 'EBADMSG', 'EILSEQ', 'EREMOTEIO']);

function isFaultOfTheDisk(error: unknown): boolean {
  for (let thrown: unknown = error; thrown instanceof Error; thrown = thrown.cause) {
    if (diskFaults.has((thrown as NodeJS.ErrnoException).code ?? '')) return true;
  }
  return false;
}
