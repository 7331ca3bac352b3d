import { errnoOf, reasonOfErrno } from './failure.ts';
import { keyProblem, parentOf } from './key.ts';
import type { Entry, Removed } from './storage.ts';

/** What removing from a tree of directories needs. The calls that change something throw errnos, as `node:fs` does. */
export interface Removable {
  /** What lies at `key` itself; undefined for nothing; a text where the way to it is closed (a symlink). */
  look(key: string): Entry['type'] | { readonly closed: string } | undefined;
  unlink(key: string): Promise<void>;
  /** Fails unless the directory is empty. */
  rmdir(key: string): Promise<void>;
}

/** How many removals are under way at once: enough to hide the latency of a network file system. */
const atOnce = 8;

/** Directories that stay when they are emptied: the registry loses sight of a repository, or fails, without them. */
const kept: ReadonlySet<string> = new Set([
  'docker',
  'registry',
  'v2',
  'blobs',
  'repositories',
  '_layers',
  '_manifests',
  'tags',
  'revisions',
]);

/**
 * Removes `keys` as `Storage.remove` promises it. Files go first, then directories from the deepest up, the ones asked
 * for and the ones emptied alike: so the order of the keys does not matter.
 */
export async function removeKeys(tree: Removable, keys: readonly string[]): Promise<Removed[]> {
  const answers = new Map<string, Removed>();
  const directories = new Levels();
  for (const key of new Set(keys)) {
    const reason = keyProblem(key);
    if (reason !== undefined) answers.set(key, { key, outcome: 'failed', reason });
    else if (key.endsWith('/')) directories.add(key);
  }
  const files = new Set(keys.filter((key) => !key.endsWith('/') && !answers.has(key)));
  const asked = new Set(keys);
  await inParallel(files, async (key) => {
    const answer = await removeOne(tree, key);
    answers.set(key, answer);
    if (answer.outcome === 'removed') directories.addParentOf(key);
  });
  for (let level = directories.deepest(); level !== undefined; level = directories.deepest()) {
    await inParallel(level, async (key) => {
      const answer = await removeOne(tree, key);
      if (asked.has(key)) answers.set(key, answer);
      if (answer.outcome === 'removed') directories.addParentOf(key);
    });
  }
  return inOrder(keys, answers);
}

/** A directory that was not asked for may well fail to go: it is not empty, or a mount point, and is listed again. */
async function removeOne(tree: Removable, key: string): Promise<Removed> {
  const failed = (reason: string): Removed => ({ key, outcome: 'failed', reason });
  try {
    const type = tree.look(key);
    if (type === undefined) return { key, outcome: 'absent' };
    if (typeof type === 'object') return failed(type.closed);
    if (key.endsWith('/')) {
      if (type !== 'directory') return failed('it is no directory');
      await tree.rmdir(key);
    } else {
      if (type !== 'file') return failed(notAFile[type]);
      await tree.unlink(key);
    }
    return { key, outcome: 'removed' };
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? { key, outcome: 'absent' } : failed(reasonOfErrno(error));
  }
}

/** Why what is no file is neither read nor removed as one. */
export const notAFile = {
  directory: 'it is a directory',
  symlink: 'it is a symbolic link, which is not followed',
  other: 'it is neither a file nor a directory',
} as const satisfies Record<Exclude<Entry['type'], 'file'>, string>;

/** Why what lies behind a symlink is not there to be had. */
export function behindSymlink(symlink: string): string {
  return `${symlink} is a symbolic link, which is not followed`;
}

/** A key that was asked for twice was there once. */
function inOrder(keys: readonly string[], answers: ReadonlyMap<string, Removed>): Removed[] {
  const told = new Set<string>();
  return keys.map((key) => {
    const answer = answers.get(key) ?? { key, outcome: 'absent' };
    const again = told.has(key);
    told.add(key);
    return again && answer.outcome === 'removed' ? { key, outcome: 'absent' } : answer;
  });
}

/** Directories yet to be tried, by how deep they lie. */
class Levels {
  readonly #byDepth = new Map<number, Set<string>>();

  add(directory: string): void {
    const depth = directory.split('/').length;
    const level = this.#byDepth.get(depth) ?? new Set();
    this.#byDepth.set(depth, level.add(directory));
  }

  /** Unless it must stay. */
  addParentOf(key: string): void {
    const parent = parentOf(key);
    const name = parent.slice(parentOf(parent).length, -1);
    if (parent !== '' && !kept.has(name)) this.add(parent);
  }

  /** Takes the deepest of them out. */
  deepest(): ReadonlySet<string> | undefined {
    const depth = Math.max(...this.#byDepth.keys());
    const level = this.#byDepth.get(depth);
    this.#byDepth.delete(depth);
    return level;
  }
}

async function inParallel<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  async function worker(): Promise<void> {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  }
  await Promise.all(Array.from({ length: atOnce }, worker));
}
