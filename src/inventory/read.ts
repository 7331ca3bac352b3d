import type { Reader } from '../storage/storage.ts';
import { InventoryBuilder } from './builder.ts';
import { digestTableOf } from './digest-table.ts';
import type { Inventory } from './inventory.ts';
import type { Crew } from './near/crew.ts';
import type { Earlier } from './near/earlier.ts';
import { readBlobsNear, readRepositoriesNear } from './near/read-near.ts';
import { carryOver, listBlobs, readManifests } from './read-content.ts';
import { listRepositories } from './read-repositories.ts';
import { hasSameReferences } from './same-references.ts';
import { Threads } from './threads.ts';

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
  /**
   * Of `known`, only ids and parsed manifests are used: layer links and blobs are read, too. To tell what has become of
   * them.
   */
  readonly afresh?: boolean;
  /** Names of repositories, the only ones that are looked at (some in them may be, too). Left out: all. */
  readonly only?: ReadonlySet<string>;
  /**
   * Names of repositories of which links are looked at. Where inodes tell of every change, of others it is enough that
   * there are tags and revisions of the names that `known` has, and no others. For a swift look. Left out: all.
   */
  readonly closely?: ReadonlySet<string>;
  /**
   * Whether everything is looked at (the default): every directory listed, every link read. Otherwise (`swift`) a layer
   * link that is a file of a link's length is taken for what its path says, and directories that hold one file alone by
   * the grammar (`<hex>/link`, `<hex>/data`, `current/link`) are not listed: what else lies in them is not told. With
   * `known`, nor are those of a tag whose link is as it was: its history is taken over. Tag and revision links are read
   * either way; with `known` those alone of whose inode something has changed, where the storage shows every change so.
   * For a collector that stumbles over nothing of that. A storage that cannot be looked at from threads is looked at
   * thoroughly.
   */
  readonly thorough?: boolean;
  /**
   * How the work is shared out among threads, where any can look. Left out: as it pays. `threads`: so many beside this
   * one, from the beginning (0: none). `splitAt`: names in a directory from which on it is shared out.
   */
  readonly sharing?: { readonly threads?: number; readonly splitAt?: number };
  /** Where threads come from, and are left. Left out: they begin and end with the reading. */
  readonly threads?: Threads;
}

/**
 * Reads a storage whole. Repositories come before blobs: a link is never older than its blob. Then come manifests, and
 * links that were written while all that was read. Where a swift look finds every reference as `known` has it, that is
 * returned itself.
 */
export async function readInventory(
  reader: Reader,
  options: Omit<ReadOptions, 'only' | 'closely'> = {},
): Promise<Inventory> {
  const { known, afresh = false, thorough } = options;
  const builder = new InventoryBuilder(known === undefined ? undefined : digestTableOf(known));
  const contents = afresh ? { ...options, known: undefined } : options;
  return withCrew(reader, options, async (crew) => {
    const earlier = await readRepositories(reader, builder, contents, crew);
    if (
      contents.known !== undefined &&
      thorough === false &&
      hasSameReferences(contents.known, builder.close())
    )
      return contents.known;
    earlier?.addHistory(builder);
    if (contents.known === undefined) await readBlobs(reader, builder, contents, crew);
    else await carryOver(reader, builder, contents.known);
    await readManifests(reader, builder, options, crew);
    return builder.close();
  });
}

/**
 * Looks at every tag and revision link and every upload once more, and at nothing else (tag history is told of some tags
 * alone): what is to be compared with `known`, whose ids go on.
 */
export async function readReferences(
  reader: Reader,
  options: ReadOptions & { readonly known: Inventory },
): Promise<Inventory> {
  const builder = new InventoryBuilder(digestTableOf(options.known));
  return withCrew(reader, options, async (crew) => {
    await readRepositories(reader, builder, options, crew);
    return builder.close();
  });
}

/** Calls `read` with threads, where the storage can be looked at from any. */
async function withCrew<T>(
  { near }: Reader,
  { thorough = true, sharing, threads }: ReadOptions,
  read: (crew: Crew | undefined) => Promise<T>,
): Promise<T> {
  if (near === undefined) return read(undefined);
  await using own = new Threads();
  const crew = await (threads ?? own).crew(near, { thorough, ...sharing });
  return await read(crew);
}

function readRepositories(
  reader: Reader,
  builder: InventoryBuilder,
  options: ReadOptions,
  crew: Crew | undefined,
): Promise<Earlier | undefined> {
  return crew === undefined
    ? listRepositories(reader, builder, options).then(() => undefined)
    : readRepositoriesNear(reader, builder, options, crew);
}

function readBlobs(
  reader: Reader,
  builder: InventoryBuilder,
  options: ReadOptions,
  crew: Crew | undefined,
): Promise<void> {
  return crew === undefined
    ? listBlobs(reader, builder, options)
    : readBlobsNear(reader, builder, options, crew);
}
