import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../registry/digest.ts';
import { type Place, placeOf, repositoriesRoot } from '../registry/layout.ts';
import type { Entry, Reader } from '../storage/storage.ts';
import { digestTableOf, InventoryBuilder } from './builder.ts';
import type { Inventory } from './inventory.ts';
import { carryOver, readBlobs, readManifests } from './read-content.ts';
import { readLink, rereadDelays } from './read-link.ts';
import { take } from './take.ts';

export interface ReadProgress {
  readonly phase: 'repositories' | 'blobs' | 'manifests';
  readonly done: number;
  readonly total?: number;
  readonly bytes?: number;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReadProgress) => void;
  /**
   * An earlier inventory of the same storage. Then only what can change under a digest that stays is read again:
   * every tag and revision link. Layer links and blobs are taken from it, and so are parsed manifests, which are
   * immutable; what it does not know is looked up one by one.
   */
  readonly known?: Inventory;
}

/** Reads a storage whole. Repositories come before blobs: a link is never older than its blob. */
export async function readInventory(reader: Reader, options: ReadOptions = {}): Promise<Inventory> {
  const { known } = options;
  const builder = new InventoryBuilder(known === undefined ? undefined : digestTableOf(known));
  await readRepositories(reader, builder, options);
  if (known === undefined) await readBlobs(reader, builder, options);
  else await carryOver(reader, builder, known);
  await readManifests(reader, builder, options);
  return builder.close();
}

/**
 * Reads every tag and revision link and every upload once more, and nothing else: what is to be compared with `known`,
 * whose ids go on.
 */
export async function readReferences(
  reader: Reader,
  options: ReadOptions & { readonly known: Inventory },
): Promise<Inventory> {
  const builder = new InventoryBuilder(digestTableOf(options.known));
  await readRepositories(reader, builder, options);
  return builder.close();
}

async function readRepositories(
  reader: Reader,
  builder: InventoryBuilder,
  options: ReadOptions,
): Promise<void> {
  const { known, onProgress } = options;
  const skip = known === undefined ? undefined : (key: string): boolean => key.endsWith('/_layers/');
  const malformed: MalformedLink[] = [];
  let done = 0;
  for await (const page of reader.list(repositoriesRoot, skip)) {
    options.signal?.throwIfAborted();
    for (const entry of page) {
      const place = placeOf(entry.key);
      if (isLink(place) && entry.type === 'file') {
        const digest = await readLink(reader, entry.key);
        if (typeof digest === 'string') link(builder, place, digest, entry);
        else if (digest !== undefined) malformed.push({ entry, place, wrong: digest.wrong });
      } else {
        await take(reader, builder, entry, place);
      }
    }
    done += page.length;
    onProgress?.({ phase: 'repositories', done });
  }
  await settleLinks(reader, builder, malformed);
}

type LinkPlace = Extract<Place, { kind: 'revision' | 'layer-link' | 'tag' }>;

interface MalformedLink {
  readonly entry: Entry;
  readonly place: LinkPlace;
  readonly wrong: string;
}

function isLink(place: Place): place is LinkPlace {
  return place.kind === 'revision' || place.kind === 'layer-link' || place.kind === 'tag';
}

/** Reads bad links again, a few times, all of them after each pause, and records as malformed what stays so. */
async function settleLinks(
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
