import { errnoError } from '../failure.ts';
import { parentOf } from '../key.ts';

/** Milliseconds since the epoch, or unknown. */
export type Modified = number | undefined;

export interface DirectoryNode {
  readonly type: 'directory';
  readonly children: Map<string, Node>;
  modified: Modified;
}

export type Node =
  | DirectoryNode
  | { readonly type: 'file'; readonly content: Uint8Array; modified: Modified }
  | { readonly type: 'symlink' | 'other'; modified: Modified };

/** Directories, files and what else a file system may hold, by good keys; a slash at a key's end tells nothing here. */
export class Tree {
  readonly #root: DirectoryNode;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    this.#root = { type: 'directory', children: new Map(), modified: now() };
  }

  /** What lies at `key` itself; undefined for nothing; the symlink's key where one is on the way. */
  find(key: string): Node | undefined | { readonly behind: string } {
    const names = namesOf(key);
    let node: Node | undefined = this.#root;
    for (const [depth, name] of names.entries()) {
      if (node?.type === 'symlink') return { behind: names.slice(0, depth).join('/') };
      node = node?.type === 'directory' ? node.children.get(name) : undefined;
    }
    return node;
  }

  /** The directory `key`, made with its parents where they are missing. Throws ENOTDIR where something else lies. */
  directory(key: string): DirectoryNode {
    let directory = this.#root;
    for (const name of namesOf(key)) {
      let child = directory.children.get(name);
      if (child === undefined) {
        child = { type: 'directory', children: new Map(), modified: this.#now() };
        this.#set(directory, name, child);
      }
      if (child.type !== 'directory') throw errnoError('ENOTDIR');
      directory = child;
    }
    return directory;
  }

  /** Replaces what is not a directory. Throws EISDIR for what is one. */
  place(key: string, node: Node): void {
    const parent = this.directory(parentOf(key));
    const name = key.slice(parentOf(key).length);
    if (parent.children.get(name)?.type === 'directory') throw errnoError('EISDIR');
    this.#set(parent, name, node);
  }

  /** Takes away what is at `key`, a whole directory too. */
  take(key: string): void {
    const parent = this.find(parentOf(key));
    if (parent === undefined || !('children' in parent)) return;
    parent.children.delete(namesOf(key).at(-1) ?? '');
    parent.modified = this.#now();
  }

  #set(parent: DirectoryNode, name: string, node: Node): void {
    parent.children.set(name, node);
    parent.modified = this.#now();
  }
}

function namesOf(key: string): string[] {
  return key.split('/').filter((name) => name !== '');
}
