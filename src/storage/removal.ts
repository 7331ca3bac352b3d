import { errnoOf, reasonOfErrno } from './failure.ts';
import { keyProblem, parentOf } from './key.ts';
import type { Entry, Removed } from './storage.ts';

/**
 * What removing from a tree of directories needs. The calls that change something throw errnos, as `node:fs` does, and
 * are synchronous: nothing may come between the question whether it may be removed and its removal. What is handed to
 * another thread waits for it; a process that is stopped just then would find it there when it goes on, hours later.
 */
export interface Removable {
  /** What lies at `key` itself; undefined for nothing; a text where the way to it is closed (a symlink). */
  look(key: string): Entry['type'] | { readonly closed: string } | undefined;
  unlink(key: string): void;
  /** Fails unless the directory is empty. */
  rmdir(key: string): void;
  /** Lets the event loop have a turn, now and then. */
  readonly breath?: () => Promise<void> | undefined;
}

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

/** What whoever removes is told of. */
export interface Told {
  /** What came of a key that was asked for; and of a parent that could not be pruned though nothing is in it. */
  answer(one: Removed): void;
  /** A directory from which a file was removed that was asked for, and in which something else is. */
  occupied(directory: string): void;
}

/** Before what `removing` stops: it looks at something, it removes something that may be removed. */
export type Pause = 'look' | 'remove';

/**
 * Removes `keys` as `Storage.remove` promises it, and stops before each look and each removal for whoever drives it.
 * Files go first, then directories from the deepest up, the ones asked for and the ones emptied alike: so the order of
 * the keys does not matter.
 */
export function* removing(tree: Removable, keys: Iterable<string>, told: Told): Generator<Pause, void, void> {
  const asked = new Set(keys);
  const directories = new Levels();
  const emptied = new Set<string>();
  const files: string[] = [];
  for (const key of asked) {
    const reason = keyProblem(key);
    if (reason !== undefined) told.answer({ key, outcome: 'failed', reason });
    else if (key.endsWith('/')) directories.add(key);
    else files.push(key);
  }
  for (const key of files) {
    const answer = yield* removeOne(tree, key);
    told.answer(answer);
    if (answer.outcome !== 'removed') continue;
    const parent = parentOf(key);
    emptied.add(parent);
    if (mayGo(parent)) directories.add(parent);
  }
  for (let level = directories.deepest(); level !== undefined; level = directories.deepest()) {
    for (const key of level) {
      const isAsked = asked.has(key);
      const answer = yield* removeOne(tree, key, isAsked);
      // Of one that nobody asked for it is right that something is in it, or mounted on it.
      if (isAsked || (answer.outcome === 'failed' && !answer.occupied)) told.answer(withoutMark(answer));
      if (answer.occupied && emptied.has(key)) told.occupied(key);
      const parent = parentOf(key);
      if (answer.outcome === 'removed' && mayGo(parent)) directories.add(parent);
    }
  }
}

/** Removes `keys` as `Storage.remove` does. */
export async function removeKeys(
  tree: Removable,
  keys: readonly string[],
  before: () => Promise<void> = async () => {},
  tell: (answer: Removed) => void = () => {},
  occupied: (directory: string) => void = () => {},
): Promise<Removed[]> {
  const answers = new Map<string, Removed>();
  const work = removing(tree, keys, {
    answer(one) {
      answers.set(one.key, one);
      tell(one);
    },
    occupied,
  });
  for (let step = work.next(); step.done !== true; step = work.next()) {
    if (step.value === 'look') await tree.breath?.();
    else await before();
  }
  return inOrder(keys, answers);
}

/** `occupied`: a directory that is not empty, or a mount point. */
interface Tried extends Removed {
  readonly occupied?: true;
}

/** `look`: not needed for a directory out of which something was just removed: that what is no directory stays, rmdir sees to. */
function* removeOne(tree: Removable, key: string, look = true): Generator<Pause, Tried, void> {
  const asksForDirectory = key.endsWith('/');
  if (look) {
    yield 'look';
    let type: ReturnType<Removable['look']>;
    try {
      type = tree.look(key);
    } catch (error) {
      return { key, outcome: 'failed', reason: reasonOfErrno(error) };
    }
    if (type === undefined) return { key, outcome: 'absent' };
    if (typeof type === 'object') return { key, outcome: 'failed', reason: type.closed };
    if (asksForDirectory && type !== 'directory')
      return { key, outcome: 'failed', reason: 'it is no directory' };
    if (!asksForDirectory && type !== 'file') return { key, outcome: 'failed', reason: notAFile[type] };
  }
  yield 'remove';
  try {
    if (asksForDirectory) tree.rmdir(key);
    else tree.unlink(key);
    return { key, outcome: 'removed' };
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (errno === 'ENOENT') return { key, outcome: 'absent' };
    const failed = { key, outcome: 'failed', reason: reasonOfErrno(error) } as const;
    return ['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(errno) ? { ...failed, occupied: true } : failed;
  }
}

function withoutMark({ occupied: _, ...answer }: Tried): Removed {
  return answer;
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

/** Whether a directory goes when it was emptied. */
function mayGo(directory: string): boolean {
  const name = directory.slice(directory.lastIndexOf('/', directory.length - 2) + 1, -1);
  return directory !== '' && !kept.has(name);
}

/** Directories yet to be tried, by how deep they lie. */
class Levels {
  readonly #byDepth = new Map<number, Set<string>>();

  add(directory: string): void {
    const depth = depthOf(directory);
    const level = this.#byDepth.get(depth);
    if (level === undefined) this.#byDepth.set(depth, new Set([directory]));
    else level.add(directory);
  }

  /** Takes the deepest of them out. */
  deepest(): ReadonlySet<string> | undefined {
    const depth = Math.max(...this.#byDepth.keys());
    const level = this.#byDepth.get(depth);
    this.#byDepth.delete(depth);
    return level;
  }
}

function depthOf(directory: string): number {
  let depth = 0;
  for (let at = directory.indexOf('/'); at !== -1; at = directory.indexOf('/', at + 1)) depth++;
  return depth;
}
