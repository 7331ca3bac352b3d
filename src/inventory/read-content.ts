import { blobsRoot, keyOf, placeOf } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';
import type { InventoryBuilder } from './builder.ts';
import type { DigestId, Inventory } from './inventory.ts';
import type { Crew } from './near/crew.ts';
import { readManifestsNear } from './near/read-near.ts';
import type { ReadOptions } from './read.ts';
import { readLateLinks } from './read-late-links.ts';
import { readManifest } from './read-manifest.ts';
import { take } from './take.ts';

/** Every blob with its size and time. */
export async function listBlobs(
  reader: Reader,
  builder: InventoryBuilder,
  options: ReadOptions,
): Promise<void> {
  let done = 0;
  let bytes = 0;
  for await (const page of reader.list(blobsRoot)) {
    options.signal?.throwIfAborted();
    for (const entry of page) {
      const place = placeOf(entry.key);
      if (place.kind === 'blob' && entry.type === 'file') {
        builder.blob(place.digest, entry.size, entry.modified);
        bytes += entry.size;
        done++;
      } else {
        await take(reader, builder, entry, place);
      }
    }
    options.onProgress?.({ phase: 'blobs', done, bytes });
  }
}

/** Layer links and blobs as the earlier inventory knew them, and blobs that came since, where a manifest needs them. */
export async function carryOver(reader: Reader, builder: InventoryBuilder, known: Inventory): Promise<void> {
  builder.carryOver(known);
  for (const id of builder.manifestIds()) {
    if (known.hasBlob(id)) continue;
    const digest = builder.digests.text(id);
    const stat = await reader.stat(keyOf.blob(digest));
    if (stat?.type === 'file') builder.blob(digest, stat.size, stat.modified);
  }
}

/** The manifest of every revision and of every tag's target. */
export async function readManifests(
  reader: Reader,
  builder: InventoryBuilder,
  options: ReadOptions,
  crew: Crew | undefined,
): Promise<void> {
  const { known, signal, onProgress } = options;
  const ids = builder.manifestIds();
  const total = ids.length;
  const unread: DigestId[] = [];
  for (const id of ids) {
    const before = known?.manifest(id);
    if (before?.state === 'ok') builder.manifest(id, before);
    else unread.push(id);
  }
  let done = total - unread.length;
  const tell = (count: number): void => {
    done += count;
    onProgress?.({ phase: 'manifests', done, total });
  };
  const told = { signal, onRead: tell };
  const left = crew === undefined ? unread : await readManifestsNear(builder, unread, told, crew);
  if (left !== unread) done = total - left.length;
  for (const [i, id] of left.entries()) {
    builder.manifest(id, await readManifest(reader, builder, id));
    if ((i + 1) % 256 !== 0 && i + 1 !== left.length) continue;
    signal?.throwIfAborted();
    tell((i % 256) + 1);
  }
  if (unread.length === 0 && total > 0) tell(0);
  await readLateLinks(reader, builder);
  if (known !== undefined) await statNewReferences(reader, builder);
}

/** Blobs that manifests name which came since the earlier inventory. */
async function statNewReferences(reader: Reader, builder: InventoryBuilder): Promise<void> {
  for (const id of builder.unlistedReferences()) {
    const digest = builder.digests.text(id);
    const stat = await reader.stat(keyOf.blob(digest));
    if (stat?.type === 'file') builder.blob(digest, stat.size, stat.modified);
  }
}
