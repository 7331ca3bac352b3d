import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { join } from 'node:path';

type EntryType = 'file' | 'directory' | 'symlink' | 'other';

interface TreeEntry {
  readonly type: EntryType;
  /** Bytes; of a symlink, the length of its target. 0 for directories, whose size tells nothing. */
  readonly size: number;
  /** Nanoseconds since the epoch. */
  readonly modified: bigint;
  /** Permission bits and owner: `644 0:0`. */
  readonly rights: string;
  /** sha256 of a file's bytes (hex), target of a symlink, '' otherwise. */
  readonly content: string;
}

/** Path below the root ('' is the root itself) → what is there. */
export type Snapshot = ReadonlyMap<string, TreeEntry>;

export interface Difference {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** What changed: `size 3 → 0, content`. '' unless `changed`. */
  readonly what: string;
}

/** The directory in which the program keeps its own state, below the driver's root. */
export const stateDirectory = '.registry-cleanup';

export interface SnapshotOptions {
  /** Leave the program's own state directory out, and with it the time of the root that holds it. Default: true. */
  readonly ignoreState?: boolean;
}

/** Every path below `root` with all that "unchanged to the byte" means. Symlinks are not followed, FIFOs not opened. */
export function snapshot(root: string, options: SnapshotOptions = {}): Snapshot {
  const ignoreState = options.ignoreState ?? true;
  const entries = new Map<string, TreeEntry>();
  for (const { path, stats } of walk(root, ignoreState)) {
    const entry = entryOf(join(root, path), stats);
    entries.set(path, path === '' && ignoreState ? { ...entry, modified: 0n } : entry);
  }
  return entries;
}

/** What became of `before`; empty when nothing changed to the byte. */
export function diff(before: Snapshot, after: Snapshot): readonly Difference[] {
  const differences: Difference[] = [];
  for (const [path, was] of before) {
    const is = after.get(path);
    const what = is === undefined ? '' : changes(was, is);
    if (is === undefined) differences.push({ path, change: 'removed', what });
    else if (what !== '') differences.push({ path, change: 'changed', what });
  }
  for (const path of after.keys()) {
    if (!before.has(path)) differences.push({ path, change: 'added', what: '' });
  }
  return differences.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The same counts as in a report, by plain walking. */
export interface TreeCounts {
  /** Directories with `_layers`, `_manifests` or `_uploads` in them. */
  readonly repositories: number;
  /** Tags that have a `current/link`. */
  readonly tags: number;
  /** Revision links. */
  readonly manifests: number;
  readonly layerLinks: number;
  /** Files named `data` below `blobs/`, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
}

export function count(root: string): TreeCounts {
  const repositories = new Set<string>();
  const counts = { tags: 0, manifests: 0, layerLinks: 0, blobs: 0, bytes: 0 };
  for (const { path, stats } of walk(root, true)) {
    const inRepositories = /^docker\/registry\/v2\/repositories\/(.+)$/s.exec(path)?.[1];
    if (inRepositories !== undefined) {
      const repository = /^(.+?)\/_(?:layers|manifests|uploads)(?:\/|$)/s.exec(inRepositories)?.[1];
      if (repository !== undefined) repositories.add(repository);
      if (!stats.isFile()) continue;
      if (/\/_manifests\/tags\/[^/]+\/current\/link$/.test(path)) counts.tags++;
      if (/\/_manifests\/revisions\/[^/]+\/[^/]+\/link$/.test(path)) counts.manifests++;
      if (/\/_layers\/[^/]+\/[^/]+\/link$/.test(path)) counts.layerLinks++;
    } else if (stats.isFile() && /^docker\/registry\/v2\/blobs\/(?:.+\/)?data$/s.test(path)) {
      counts.blobs++;
      counts.bytes += Number(stats.size);
    }
  }
  return { repositories: repositories.size, ...counts };
}

/** Everything below `root`, parents first, names in byte order. Directories behind symlinks are not entered. */
export function* walk(
  root: string,
  ignoreState = true,
): Generator<{ readonly path: string; readonly stats: BigIntStats }> {
  const pending = [''];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stats = lstatSync(join(root, path), { bigint: true });
    yield { path, stats };
    if (!stats.isDirectory()) continue;
    for (const name of readdirSync(join(root, path)).sort().reverse()) {
      if (ignoreState && path === '' && name === stateDirectory) continue;
      pending.push(path === '' ? name : `${path}/${name}`);
    }
  }
}

/** sha256 of a file's bytes, in hex, whatever its size. */
export function sha256OfFile(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 16);
  const file = openSync(path, 'r');
  try {
    for (let n = readSync(file, buffer); n > 0; n = readSync(file, buffer))
      hash.update(buffer.subarray(0, n));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

function entryOf(path: string, stats: BigIntStats): TreeEntry {
  const common = {
    modified: stats.mtimeNs,
    rights: `${(stats.mode & 0o7777n).toString(8)} ${stats.uid}:${stats.gid}`,
  };
  if (stats.isFile())
    return { type: 'file', size: Number(stats.size), ...common, content: sha256OfFile(path) };
  if (stats.isSymbolicLink()) {
    return { type: 'symlink', size: Number(stats.size), ...common, content: readlinkSync(path) };
  }
  return { type: stats.isDirectory() ? 'directory' : 'other', size: 0, ...common, content: '' };
}

function changes(was: TreeEntry, is: TreeEntry): string {
  const found: string[] = [];
  if (was.type !== is.type) found.push(`${was.type} → ${is.type}`);
  if (was.size !== is.size) found.push(`size ${was.size} → ${is.size}`);
  if (was.content !== is.content) found.push('content');
  if (was.modified !== is.modified) found.push(`time ${was.modified} → ${is.modified}`);
  if (was.rights !== is.rights) found.push(`rights ${was.rights} → ${is.rights}`);
  return found.join(', ');
}
