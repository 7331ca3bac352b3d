import { linkBytes, readLinkBytes } from '../../registry/hex.ts';
import { isTagName } from '../../registry/layout.ts';
import type { NearName } from '../../storage/near.ts';
import { holdsNothingElse, irregular, type Look, lookAtLeaves, lookAtLink, pieceSize } from './leaves.ts';
import type { Depth, LeafKind, Task } from './task.ts';

/** What is to be done with a directory of that name. */
type Known = Readonly<Record<string, (directory: string) => void>>;

const link = new Uint8Array(linkBytes + 1);

/** Looks through the registry's own directories of a repository. */
export function lookAtRepository(look: Look, task: Extract<Task, { kind: 'repository' }>): void {
  const { repository } = task;
  const digests = (of: LeafKind, depth?: Depth) => (directory: string) =>
    each(look, directory, {
      sha256: (inside) => lookAtLeaves(look, { kind: 'leaves', of, repository, directory: inside, depth }),
    });
  for (const area of task.areas) {
    const directory = `${task.directory}${area}/`;
    if (area === '_layers') digests('layer')(directory);
    else if (area === '_uploads') lookAtUploads(look, directory);
    else
      each(look, directory, {
        revisions: digests('revision', task.depth),
        tags: (inside) => lookAtTags(look, task, inside),
      });
  }
}

/** They are few, and none is like the other: somebody else reads them. */
function lookAtUploads({ near, found }: Look, directory: string): void {
  const names = near.names(directory);
  if (names?.length === 0) found.empty.push(directory);
  else if (names !== undefined) found.irregular.push(directory);
}

/** Goes into the directories that are `known`; whatever else there is is irregular. */
function each({ near, found }: Look, directory: string, known: Known): void {
  const names = near.names(directory);
  if (names?.length === 0) found.empty.push(directory);
  for (const child of names ?? []) {
    const enter = child.isDirectory() && Object.hasOwn(known, child.name) ? known[child.name] : undefined;
    if (enter === undefined) irregular(found, directory, child);
    else enter(`${directory}${child.name}/`);
  }
}

/** Whose tags are looked at, and how. */
type Of = Pick<Extract<Task, { kind: 'tags' }>, 'repository' | 'depth'>;

function lookAtTags(look: Look, { repository, depth }: Of, directory: string): void {
  const { near, found } = look;
  const names = near.names(directory);
  if (names?.length === 0) found.empty.push(directory);
  const isTag = (child: NearName): boolean => child.isDirectory() && isTagName(child.name);
  const tags: string[] = [];
  for (const child of names ?? []) {
    if (isTag(child)) tags.push(child.name);
    else irregular(found, directory, child);
  }
  if (tags.length <= look.splitAt) {
    for (const tag of tags) lookAtTag(look, { repository, depth }, directory, tag);
    return;
  }
  const size = pieceSize(look);
  for (let at = 0; at < tags.length; at += size) {
    const names = tags.slice(at, at + size);
    found.rest.push({ kind: 'tags', repository, directory, names, depth });
  }
}

/** A tag's `current/link` and, with the depth or where something is odd about that, its history; `directory` is `…/tags/`. */
export function lookAtTag(look: Look, { repository, depth }: Of, directory: string, tag: string): void {
  const { found } = look;
  const owner = found.tagNames.push(tag) - 1;
  if (depth === 'names') {
    found.next();
    found.add('tag-name', repository, Number.NaN, Number.NaN, owner);
    return;
  }
  const ownCurrent = `${directory}${tag}/current/`;
  if (depth === 'links' && lookAtCurrent(look, 'tag-link', repository, ownCurrent, owner)) return;
  if (depth === 'attributes' && lookAtCurrentInode(look, repository, ownCurrent, owner)) return;
  let hasHistory = false;
  let hasCurrent = false;
  each(look, `${directory}${tag}/`, {
    current: (current) => {
      hasCurrent = lookAtCurrent(look, 'tag', repository, current, owner);
      if (!hasCurrent) found.irregular.push(current);
    },
    index: (index) =>
      each(look, index, {
        sha256: (inside) => {
          const before = found.looked + found.rest.length;
          lookAtLeaves(look, { kind: 'leaves', of: 'history', repository, tag, directory: inside }, owner);
          // What is not as a registry writes it tells by itself whether it is one.
          hasHistory = found.looked + found.rest.length > before;
        },
      }),
  });
  if (hasHistory && !hasCurrent) found.tagsSeen.push({ repository, tag });
}

/** False where it is not as a registry writes it. */
function lookAtCurrent(
  look: Look,
  row: 'tag' | 'tag-link',
  repository: number,
  directory: string,
  owner: number,
): boolean {
  const { near, found } = look;
  if (!holdsNothingElse(look, directory, 'link')) return false;
  const stats = near.peek(`${directory}link`, link);
  const at = found.next();
  if (stats === undefined || !readLinkBytes(link, stats.size, found.bytes, at)) return false;
  found.add(row, repository, stats.mtimeMs, stats.ctimeMs, owner);
  return true;
}

/** As `lookAtCurrent`. */
function lookAtCurrentInode(
  { near, found }: Look,
  repository: number,
  directory: string,
  owner: number,
): boolean {
  const stats = lookAtLink(near, directory);
  if (stats === undefined) return false;
  found.next();
  found.add('tag-attributes', repository, stats.mtimeMs, stats.ctimeMs, owner);
  return true;
}
