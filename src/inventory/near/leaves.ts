import { linkBytes, readHex, readLinkBytes, sha256Bytes } from '../../registry/hex.ts';
import type { Near, NearFile, NearName } from '../../storage/near.ts';
import { digestWords } from '../digest-table.ts';
import type { Findings } from './findings.ts';
import type { Depth, LeafKind, Leaves } from './task.ts';

/** How a thread looks. */
export interface Look {
  readonly near: Near;
  /** As `ReadOptions.thorough`. */
  readonly thorough: boolean;
  /** Of a directory with more names than this, pieces become further tasks. */
  readonly splitAt: number;
  readonly found: Findings;
}

/** Names of a piece of a large directory, at most: a few milliseconds of work. */
export function pieceSize({ splitAt }: Look): number {
  return Math.min(splitAt, 1_000);
}

const file: Readonly<Record<LeafKind, 'link' | 'data'>> = {
  layer: 'link',
  revision: 'link',
  history: 'link',
  blob: 'data',
};

// One byte more than a link has, so that a longer one shows.
const link = new Uint8Array(linkBytes + 1);
const named = new Int32Array(digestWords);
const namedBytes = new Uint8Array(named.buffer);

/** What leaves of one directory have in common. Made in one place, so that it has one shape: tasks have many, as they come. */
interface Among {
  readonly of: LeafKind;
  readonly repository: number;
  readonly directory: string;
  readonly depth: Depth | undefined;
  /** What their names begin with: blobs are in directories by that. */
  readonly prefix: string;
  /** Of a tag's history: which of `tagNames` it is; else -1. */
  readonly owner: number;
}

/** Looks into every directory that is named by a digest, unless names are enough. Whatever is not just so is irregular. */
export function lookAtLeaves(look: Look, task: Leaves, ownerOfAll = -1): void {
  const { found } = look;
  const { of, repository, directory, depth, tag, digests } = task;
  const owner = ownerOfAll === -1 && tag !== undefined ? found.tagNames.push(tag) - 1 : ownerOfAll;
  const prefix =
    of === 'blob' ? directory.slice(directory.lastIndexOf('/', directory.length - 2) + 1, -1) : '';
  const among: Among = { of, repository, directory, depth, prefix, owner };
  if (digests === undefined) {
    const names = look.near.names(directory);
    if (names === undefined) return;
    if (names.length === 0) found.empty.push(directory);
    if (names.length > look.splitAt) split(look, task, names);
    else for (const name of names) lookAtName(look, among, name);
    return;
  }
  const bytes = Buffer.from(digests.buffer);
  for (let at = 0; at < bytes.length; at += sha256Bytes) {
    const name = bytes.toString('hex', at, at + sha256Bytes);
    const next = found.next();
    found.bytes.set(bytes.subarray(at, at + sha256Bytes), next);
    lookInto(look, among, name);
  }
}

function lookAtName(look: Look, among: Among, child: NearName): void {
  const { found } = look;
  const { name } = child;
  if (isDigestDirectory(child, found)) lookInto(look, among, name);
  else irregular(found, among.directory, child);
}

/** Whether it is a directory named by a sha256, which is written to where the next row is. */
function isDigestDirectory(child: NearName, found: Findings): boolean {
  const { name } = child;
  if (name.length !== 2 * sha256Bytes || !child.isDirectory()) return false;
  const at = found.next();
  return readHex(name, 0, found.bytes, at);
}

/** One directory, whose digest is written to where the next row is. */
function lookInto(look: Look, among: Among, name: string): void {
  const { found } = look;
  const { of, repository, directory, depth, owner } = among;
  if (depth === 'names') {
    found.add('revision-name', repository, Number.NaN, Number.NaN, owner);
    return;
  }
  const leaf = `${directory}${name}/`;
  const isRight = name.startsWith(among.prefix) && holdsNothingElse(look, leaf, file[of]);
  const stats = isRight ? lookAtFile(look, among, leaf) : undefined;
  if (stats === undefined) found.irregular.push(leaf);
  else if (of === 'blob') found.add(of, repository, stats.mtimeMs, stats.size, owner);
  else {
    const row = of === 'revision' && depth === 'attributes' ? 'revision-attributes' : of;
    found.add(row, repository, stats.mtimeMs, stats.ctimeMs, owner);
  }
}

/** Whether there is just the file of that name; asked of a thorough look alone. */
export function holdsNothingElse({ near, thorough }: Look, leaf: string, name: string): boolean {
  if (!thorough) return true;
  const names = near.names(leaf);
  const [only] = names ?? [];
  return names?.length === 1 && only?.name === name && only.isFile();
}

/** Undefined where it is not as a registry writes it. */
function lookAtFile(
  { near, thorough, found }: Look,
  { of, depth }: Among,
  leaf: string,
): NearFile | undefined {
  if (of === 'blob') return near.file(`${leaf}data`);
  if (of === 'history' || depth === 'attributes' || (of === 'layer' && !thorough))
    return lookAtLink(near, leaf);
  const stats = near.peek(`${leaf}link`, link);
  return stats !== undefined && readLinkBytes(link, stats.size, namedBytes, 0) && found.isNext(named)
    ? stats
    : undefined;
}

/** A link's inode. Undefined where it is not as long as links are. */
export function lookAtLink(near: Near, directory: string): NearFile | undefined {
  const stats = near.file(`${directory}link`);
  return stats?.size === linkBytes ? stats : undefined;
}

/** The directory's names as further tasks. */
function split(look: Look, task: Leaves, names: readonly NearName[]): void {
  const { found } = look;
  const size = pieceSize(look);
  const digests = new Int32Array(names.length * digestWords);
  const bytes = new Uint8Array(digests.buffer);
  let count = 0;
  for (const child of names) {
    const isDigest = child.name.length === 2 * sha256Bytes && child.isDirectory();
    if (isDigest && readHex(child.name, 0, bytes, count * sha256Bytes)) count++;
    else irregular(found, task.directory, child);
  }
  for (let at = 0; at < count; at += size) {
    const piece = digests.slice(at * digestWords, Math.min(at + size, count) * digestWords);
    found.rest.push({ ...task, digests: piece });
  }
}

export function irregular(found: Findings, directory: string, child: NearName): void {
  found.irregular.push(`${directory}${child.name}${child.isDirectory() ? '/' : ''}`);
}
