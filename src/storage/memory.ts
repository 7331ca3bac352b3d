import { Readable } from 'node:stream';
import { fail } from '../errors.ts';
import { errnoError, storageFailure } from './failure.ts';
import { fileKeyProblem, keyProblem, prefixProblem } from './key.ts';
import { type Modified, type Node, Tree } from './memory/tree.ts';
import { behindSymlink, notAFile, type Removable, removeKeys } from './removal.ts';
import type { Entry, Storage } from './storage.ts';

/**
 * A tree in memory that looks, and removes, as the file system does: for tests. What its own methods make, they make
 * with the parents that are missing. `modified` is in ms since the epoch; without it, `now` tells.
 */
export interface MemoryStorage extends Storage {
  put(key: string, content: string | Uint8Array, modified?: number): void;
  mkdir(key: string, modified?: number): void;
  symlink(key: string, modified?: number): void;
  /** A FIFO, a socket, a device. */
  other(key: string, modified?: number): void;
  /** Sets the time of what is there; undefined: the store tells none. */
  touch(key: string, modified: Modified): void;
  /** Takes away what is there, with all that is in it, and prunes nothing. */
  drop(key: string): void;
  /** Every key that is left (of directories, the empty ones), sorted. */
  keys(): string[];
}

const pageSize = 1_000;

/** An empty one. */
export function memoryStorage(now: () => number = Date.now): MemoryStorage {
  const tree = new Tree(now);
  const locate = (key: string): string => `memory:/${key}`;

  function refuse(reason: string | undefined, deed: string, key: string): void {
    if (reason !== undefined) fail('STORAGE_FAILED', { deed, path: locate(key), reason });
  }

  /** What is at the good `key`. Throws where a symlink is on the way. */
  function find(key: string, deed: string): Node | undefined {
    const found = tree.find(key);
    if (found === undefined) return undefined;
    if ('behind' in found)
      return fail('STORAGE_FAILED', { deed, path: locate(key), reason: behindSymlink(locate(found.behind)) });
    if (!key.endsWith('/') || found.type === 'directory') return found;
    if (found.type === 'symlink') refuse(behindSymlink(locate(key.slice(0, -1))), deed, key);
    return undefined;
  }

  function contentOf(key: string): Uint8Array | undefined {
    refuse(fileKeyProblem(key), 'read', key);
    const node = find(key, 'read');
    if (node === undefined || node.type === 'file') return node?.content;
    return fail('STORAGE_FAILED', { deed: 'read', path: locate(key), reason: notAFile[node.type] });
  }

  /** The names in a directory are taken when it is entered; each is looked up when its turn comes. */
  function* walk(directory: string, skip: (directory: string) => boolean): Generator<Entry> {
    const node = find(directory, 'list');
    for (const name of node?.type === 'directory' ? [...node.children.keys()] : []) {
      const child = find(directory + name, 'list');
      const key = `${directory}${name}/`;
      if (child?.type === 'directory' && child.children.size > 0 && !skip(key)) yield* walk(key, skip);
      else if (child !== undefined) yield entryOf(directory + name, child);
    }
  }

  const removable: Removable = {
    look(key) {
      const found = tree.find(key);
      return found !== undefined && 'behind' in found
        ? { closed: behindSymlink(locate(found.behind)) }
        : found?.type;
    },
    unlink: (key) => tree.take(key),
    rmdir(key) {
      if (tree.directory(key).children.size > 0) throw errnoError('ENOTEMPTY');
      tree.take(key);
    },
  };

  function place(key: string, node: Node): void {
    refuse(fileKeyProblem(key), 'make', key);
    tree.place(key, node);
  }

  return {
    name: 'memory',
    locate,
    async *list(prefix, skip = () => false) {
      refuse(prefixProblem(prefix), 'list', prefix);
      let page: Entry[] = [];
      for (const entry of walk(prefix, skip)) {
        if (page.push(entry) < pageSize) continue;
        yield page;
        page = [];
      }
      if (page.length > 0) yield page;
    },
    async read(key, limit = Number.POSITIVE_INFINITY) {
      const content = contentOf(key);
      if (content !== undefined && content.length > limit)
        fail('FILE_TOO_LARGE', { path: locate(key), limit });
      return content?.slice();
    },
    async open(key) {
      const content = contentOf(key);
      if (content === undefined) throw storageFailure('read', locate(key), errnoError('ENOENT'));
      return Readable.from([Buffer.from(content)], { objectMode: false });
    },
    async stat(key) {
      refuse(keyProblem(key), 'look at', key);
      const node = find(key, 'look at');
      return node === undefined ? undefined : entryOf(key.endsWith('/') ? key.slice(0, -1) : key, node);
    },
    remove: (keys, ...how) => removeKeys(removable, keys, ...how),
    put: (key, content, modified = now()) =>
      place(key, { type: 'file', content: Uint8Array.from(Buffer.from(content)), modified }),
    mkdir(key, modified = now()) {
      refuse(keyProblem(key), 'make', key);
      tree.directory(key).modified = modified;
    },
    symlink: (key, modified = now()) => place(key, { type: 'symlink', modified }),
    other: (key, modified = now()) => place(key, { type: 'other', modified }),
    touch(key, modified) {
      const node = find(key, 'touch');
      if (node === undefined) throw storageFailure('touch', locate(key), errnoError('ENOENT'));
      node.modified = modified;
    },
    drop: (key) => tree.take(key),
    keys: () => [...walk('', () => false)].map(({ key }) => key).sort(),
  };
}

function entryOf(key: string, node: Node): Entry {
  const { type, modified } = node;
  if (type === 'directory') return { key: `${key}/`, type, size: 0, modified };
  return { key, type, size: type === 'file' ? node.content.length : 0, modified };
}
