import { setTimeout as sleep } from 'node:timers/promises';
import { CleanupError, fail } from '../errors.ts';
import { readLinkPatiently } from '../inventory/read-link.ts';
import type { Client } from '../registry/client.ts';
import { keyOf, placeOf, repositoriesRoot } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';

/** So many repositories, spread over the catalogue, and of each so many tags are compared. */
const repositoriesAtMost = 20;
const tagsAtMost = 3;
const usualTimeMs = 10_000;
/** Users push meanwhile: a difference counts when it was seen so often, each time after a pause (ms). */
const looks = 3;
const pauseMs = 250;

/** Schema 1: a registry that signs it anew when it is asked may tell another digest than the link's. */
const signedAnew = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
/** Where no current tags are. */
const aside = /\/(?:_layers|_uploads|_manifests\/revisions|_manifests\/tags\/[^/]+\/index)\/$/;

export interface ComparisonOptions {
  /** Opens the API of the live registry. */
  readonly open: (signal: AbortSignal) => Client;
  readonly reader: Reader;
  /** What the API lists. */
  readonly repositories: readonly string[];
  readonly signal: AbortSignal;
  /** How long it may take; by then what was compared counts. Default: 10 s. */
  readonly forAtMostMs?: number;
}

/** Tags by what came of comparing them. `untold`: the API does not say, or says what cannot be compared. */
export interface Compared {
  same: number;
  untold: number;
}

/**
 * Refuses when the live registry works on another storage than ours: what its API says of some tags must be what our
 * storage holds. Errors: REFUSED; REGISTRY_UNREACHABLE when it answers no more.
 */
export async function refuseOtherStorage(options: ComparisonOptions): Promise<Readonly<Compared>> {
  const { reader, repositories, signal, forAtMostMs = usualTimeMs } = options;
  const limit = AbortSignal.timeout(forAtMostMs);
  const bounded = AbortSignal.any([signal, limit]);
  const client = options.open(bounded);
  const compared: Compared = { same: 0, untold: 0 };
  const tags = repositories.length > 0 ? listed(client, repositories, compared) : held(reader, bounded);
  try {
    for await (const [repository, tag] of tags) {
      const seen = await lookAgain({ client, reader, repository, tag });
      if (typeof seen === 'object') refuse({ client, reader, repository, tag }, seen);
      compared[seen]++;
    }
  } catch (error) {
    if (!limit.aborted || error !== limit.reason) throw error;
    compared.untold++;
  } finally {
    await client.close();
  }
  return compared;
}

/** Tags that the API lists. */
async function* listed(
  client: Client,
  repositories: readonly string[],
  compared: Compared,
): AsyncGenerator<readonly [string, string]> {
  for (const repository of spread(repositories, repositoriesAtMost)) {
    const tags = await told(client.tags(repository));
    if (tags === untold) compared.untold++;
    else for (const tag of spread(tags, tagsAtMost)) yield [repository, tag];
  }
}

/** Tags that the storage holds: where the API lists nothing at all, it may be another, empty registry's. */
async function* held(reader: Reader, signal: AbortSignal): AsyncGenerator<readonly [string, string]> {
  let found = 0;
  for await (const page of reader.list(repositoriesRoot, (directory) => aside.test(directory))) {
    signal.throwIfAborted();
    for (const { key } of page) {
      const place = placeOf(key);
      if (place.kind !== 'tag') continue;
      yield [place.repository, place.tag];
      if (++found === tagsAtMost) return;
    }
  }
}

interface Tag {
  readonly client: Client;
  readonly reader: Reader;
  readonly repository: string;
  readonly tag: string;
}

/** Undefined: there is no such tag. */
interface Difference {
  readonly live: string | undefined;
  readonly storage: string | undefined;
}

async function lookAgain(of: Tag): Promise<'same' | 'untold' | Difference> {
  for (let look = 1; ; look++) {
    const seen = await compare(of);
    if (typeof seen !== 'object' || look === looks) return seen;
    await sleep(pauseMs);
  }
}

async function compare({ client, reader, repository, tag }: Tag): Promise<'same' | 'untold' | Difference> {
  const key = keyOf.tag(repository, tag);
  const before = await linkOf(reader, key);
  const live = await told(client.headManifest(repository, tag));
  const after = await linkOf(reader, key);
  if (live === untold || typeof before === 'object' || typeof after === 'object') return 'untold';
  if (live === undefined) {
    const tags = await told(client.tags(repository));
    // Listed, it names what is not there; not in the storage either, it was removed meanwhile.
    if (tags === untold || tags.includes(tag) || after === undefined) return 'untold';
    return { live: undefined, storage: after };
  }
  if (signedAnew.test(live.mediaType)) return 'untold';
  return live.digest === before || live.digest === after ? 'same' : { live: live.digest, storage: after };
}

/** What is damaged, or behind a symlink, is told by those who look for that, and read everything. */
async function linkOf(reader: Reader, key: string): ReturnType<typeof readLinkPatiently> {
  return readLinkPatiently(reader, key).catch((error: unknown) => {
    if (error instanceof CleanupError && error.code === 'STORAGE_FAILED') return { wrong: error.message };
    throw error;
  });
}

const untold = Symbol('not told');

/** The answer, unless there is a reason not to give one: no right to that repository (401, 403), or damage (500). */
async function told<T>(answer: Promise<T>): Promise<T | typeof untold> {
  try {
    return await answer;
  } catch (error) {
    const code = error instanceof CleanupError ? error.code : undefined;
    if (code === 'REGISTRY_ANSWERED' || code === 'REGISTRY_GARBLED') return untold;
    throw error;
  }
}

function refuse({ client, reader, repository, tag }: Tag, { live, storage }: Difference): never {
  const holds = storage === undefined ? 'there is no such tag here' : `${storage} here`;
  const says = live === undefined ? 'knows no such tag' : `says ${live}`;
  return fail('REFUSED', {
    reasons: [
      `${reader.locate('')}: ${repository}:${tag}: ${holds}, but the live registry at ${client.url} ${says}: that works on another storage. Mount the live registry's own storage and point registry.config (and its environment) to it, or registry.url to the registry that this storage belongs to.`,
    ],
  });
}

/** At most `count` of `all`, evenly spread. */
function spread<T>(all: readonly T[], count: number): readonly T[] {
  const length = Math.min(count, all.length);
  const places = Array.from({ length }, (_, i) => Math.floor((i * all.length) / length));
  return places.flatMap((place) => all.slice(place, place + 1));
}
