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

/**
 * Removes `keys` as `Storage.remove` promises it. Files go first, then directories from the deepest up, the ones asked
 * for and the ones emptied alike: so the order of the keys does not matter.
 */
export async function removeKeys(
  tree: Removable,
  keys: readonly string[],
  before: () => Promise<void> = async () => {},
  tell: (answer: Removed) => void = () => {},
): Promise<Removed[]> {
  const answers = new Map<string, Removed>();
  const directories = new Levels();
  const asked = new Set(keys);
  function answer(one: Removed): void {
    answers.set(one.key, one);
    tell(one);
  }
  async function removeOne(key: string): Promise<void> {
    const { occupied, ...told } = await tryToRemove(tree, key, before);
    if (asked.has(key)) answer(told);
    // Nobody asked for it: that something is in it, or mounted on it, is right.
    else if (told.outcome === 'failed' && !occupied) tell(told);
    if (told.outcome === 'removed') directories.addParentOf(key);
  }
  for (const key of asked) {
    const reason = keyProblem(key);
    if (reason !== undefined) answer({ key, outcome: 'failed', reason });
    else if (key.endsWith('/')) directories.add(key);
  }
  for (const key of asked) if (!key.endsWith('/') && !answers.has(key)) await removeOne(key);
  for (let level = directories.deepest(); level !== undefined; level = directories.deepest())
    for (const key of level) await removeOne(key);
  return inOrder(keys, answers);
}

/** `occupied`: a directory that is not empty, or a mount point. Throws what `before` throws, and that alone. */
async function tryToRemove(
  tree: Removable,
  key: string,
  before: () => Promise<void>,
): Promise<Removed & { readonly occupied: boolean }> {
  const failed = (reason: string, occupied = false) =>
    ({ key, outcome: 'failed', reason, occupied }) as const;
  const asksForDirectory = key.endsWith('/');
  await tree.breath?.();
  let type: ReturnType<Removable['look']>;
  try {
    type = tree.look(key);
  } catch (error) {
    return failed(reasonOfErrno(error));
  }
  if (type === undefined) return { key, outcome: 'absent', occupied: false };
  if (typeof type === 'object') return failed(type.closed);
  if (asksForDirectory && type !== 'directory') return failed('it is no directory');
  if (!asksForDirectory && type !== 'file') return failed(notAFile[type]);
  await before();
  try {
    if (asksForDirectory) tree.rmdir(key);
    else tree.unlink(key);
    return { key, outcome: 'removed', occupied: false };
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (errno === 'ENOENT') return { key, outcome: 'absent', occupied: false };
    return failed(reasonOfErrno(error), ['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(errno));
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
