import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../registry/digest.ts';
import { keyOf, type Place, placeOf, repositoriesRoot } from '../registry/layout.ts';
import type { Entry, Reader } from '../storage/storage.ts';
import type { InventoryBuilder } from './builder.ts';
import type { ReadOptions } from './read.ts';
import { readLink, rereadDelays } from './read-link.ts';
import { take } from './take.ts';

type LinkPlace = Extract<Place, { kind: 'revision' | 'layer-link' | 'tag' }>;

/** A link that held nothing of use when it was read, as one does for a moment while it is written. */
export interface MalformedLink {
  readonly entry: Entry;
  readonly place: LinkPlace;
  readonly wrong: string;
}

/** With an earlier inventory, layer links are not looked at. */
export function skipLayers({ known }: ReadOptions): ((directory: string) => boolean) | undefined {
  return known === undefined ? undefined : (key) => key.endsWith('/_layers/');
}

/** Every link, upload and oddity of every repository. */
export async function listRepositories(
  reader: Reader,
  builder: InventoryBuilder,
  options: ReadOptions,
): Promise<void> {
  const malformed: MalformedLink[] = [];
  let done = 0;
  for (const prefix of prefixesOf(options)) {
    for await (const page of reader.list(prefix, skipLayers(options))) {
      options.signal?.throwIfAborted();
      for (const entry of page) await takeEntry(reader, builder, entry, malformed);
      done += page.length;
      options.onProgress?.({ phase: 'repositories', done });
    }
  }
  await settleLinks(reader, builder, malformed);
}

/** What to list: each repository once, though one may lie in another. */
function prefixesOf({ only }: ReadOptions): readonly string[] {
  if (only === undefined) return [repositoriesRoot];
  const prefixes: string[] = [];
  for (const prefix of Array.from(only, keyOf.repository).sort())
    if (!prefix.startsWith(prefixes.at(-1) ?? ' ')) prefixes.push(prefix);
  return prefixes;
}

/** Records one entry, whatever it is; a link that cannot be read is added to `malformed`. */
export async function takeEntry(
  reader: Reader,
  builder: InventoryBuilder,
  entry: Entry,
  malformed: MalformedLink[],
): Promise<void> {
  const place = placeOf(entry.key);
  if (place.kind === 'blob' && entry.type === 'file') {
    builder.blob(place.digest, entry.size, entry.modified);
  } else if (isLink(place) && entry.type === 'file') {
    const digest = await readLink(reader, entry.key);
    if (typeof digest === 'string') link(builder, place, digest, entry);
    else if (digest !== undefined) malformed.push({ entry, place, wrong: digest.wrong });
  } else {
    await take(reader, builder, entry, place);
  }
}

function isLink(place: Place): place is LinkPlace {
  return place.kind === 'revision' || place.kind === 'layer-link' || place.kind === 'tag';
}

/** Reads bad links again, a few times, all of them after each pause, and records as malformed what stays so. */
export async function settleLinks(
  reader: Reader,
  builder: InventoryBuilder,
  malformed: readonly MalformedLink[],
): Promise<void> {
  let rest = malformed;
  for (const delay of rereadDelays) {
    if (rest.length === 0) return;
    await sleep(delay);
    const still: MalformedLink[] = [];
    for (const { entry, place } of rest) {
      const digest = await readLink(reader, entry.key);
      if (typeof digest === 'object') still.push({ entry, place, wrong: digest.wrong });
      const fresh = typeof digest === 'string' ? await reader.stat(entry.key) : undefined;
      if (typeof digest === 'string' && fresh !== undefined) link(builder, place, digest, fresh);
    }
    rest = still;
  }
  for (const { entry, place, wrong } of rest) {
    see(builder, place);
    builder.oddities.push({ kind: 'malformed-link', key: entry.key, detail: wrong });
  }
}

/** Notes that the repository and its directories exist, whatever is wrong with what is in them. */
function see(builder: InventoryBuilder, place: LinkPlace): void {
  if (place.kind === 'layer-link') builder.directory(place.repository, '_layers');
  else builder.directory(place.repository, '_manifests', place.kind === 'tag' ? 'tags' : 'revisions');
}

function link(builder: InventoryBuilder, place: LinkPlace, target: Digest, entry: Entry): void {
  see(builder, place);
  if (place.kind === 'tag') {
    builder.tag(place.repository, place.tag, target, entry.modified);
  } else if (place.kind === 'layer-link') {
    builder.layerLink(place.repository, place.digest, target, entry.modified);
  } else if (place.digest === target) {
    builder.revision(place.repository, target, entry.modified);
  } else {
    builder.oddities.push({ kind: 'link-mismatch', key: entry.key, detail: `names ${target}` });
  }
}
