import { blobsRoot, keyOf, placeOf } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';
import type { InventoryBuilder } from './builder.ts';
import type { Inventory } from './inventory.ts';
import type { ReadOptions } from './read.ts';
import { readLateLinks } from './read-late-links.ts';
import { readManifest } from './read-manifest.ts';
import { take } from './take.ts';

/** Every blob with its size and time. */
export async function readBlobs(
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
  for (const repository of known.repositories) {
    if (!builder.hasRepository(repository.name)) continue;
    known.eachLayerLink(repository, (path, target, modified) => {
      builder.layerLink(repository.name, known.digest(path), known.digest(target), modified);
    });
  }
  known.eachBlob((id, size, modified) => builder.blob(known.digest(id), size, modified));
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
): Promise<void> {
  const ids = builder.manifestIds();
  let done = 0;
  for (const id of ids) {
    const before = options.known?.manifest(id);
    const manifest = before?.state === 'ok' ? before : await readManifest(reader, builder, id);
    builder.manifest(id, manifest);
    if (++done % 256 === 0 || done === ids.length) {
      options.signal?.throwIfAborted();
      options.onProgress?.({ phase: 'manifests', done, total: ids.length });
    }
  }
  await readLateLinks(reader, builder);
  if (options.known !== undefined) await statNewReferences(reader, builder);
}

/** Blobs that manifests name which came since the earlier inventory. */
async function statNewReferences(reader: Reader, builder: InventoryBuilder): Promise<void> {
  for (const id of builder.unlistedReferences()) {
    const digest = builder.digests.text(id);
    const stat = await reader.stat(keyOf.blob(digest));
    if (stat?.type === 'file') builder.blob(digest, stat.size, stat.modified);
  }
}
