import { placeOf } from '../../registry/layout.ts';
import { isRawName } from '../../storage/raw-name.ts';
import type { Entry, Reader } from '../../storage/storage.ts';
import type { InventoryBuilder } from '../builder.ts';
import type { ReadOptions } from '../read.ts';
import { type MalformedLink, settleLinks, skipLayers, takeEntry } from '../read-repositories.ts';
import { take } from '../take.ts';

/** Reads, as exactly as a storage that is not near is read, what tasks have found to be unlike what a registry makes. */
export async function readIrregular(
  reader: Reader,
  builder: InventoryBuilder,
  found: { readonly irregular: readonly string[]; readonly empty: readonly string[] },
  options: ReadOptions,
): Promise<void> {
  const malformed: MalformedLink[] = [];
  for (const key of found.irregular) {
    options.signal?.throwIfAborted();
    for await (const page of entriesAt(reader, key, options)) {
      for (const entry of page) await takeEntry(reader, builder, entry, malformed);
    }
  }
  for (const key of found.empty) {
    await take(reader, builder, { key, type: 'directory', size: 0, modified: undefined }, placeOf(key));
  }
  await settleLinks(reader, builder, malformed);
}

/** What `list` would yield of `key` itself and of what is below it. */
async function* entriesAt(
  reader: Reader,
  key: string,
  options: ReadOptions,
): AsyncGenerator<readonly Entry[]> {
  if (isRawName(key)) {
    yield [{ key, type: 'other', size: 0, modified: undefined }];
    return;
  }
  const entry = await reader.stat(key.endsWith('/') ? key.slice(0, -1) : key);
  if (entry === undefined) return;
  const skip = skipLayers(options);
  let isEmpty = true;
  if (entry.type === 'directory' && skip?.(entry.key) !== true) {
    for await (const page of reader.list(entry.key, skip)) {
      isEmpty = false;
      yield page;
    }
  }
  // A directory is told by what is in it, or by itself.
  if (isEmpty) yield [entry];
}
