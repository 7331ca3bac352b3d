import { copyFileSync, cpSync, lstatSync, lutimesSync, mkdirSync, rmSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { walk } from './tree.ts';

/**
 * Keeps a copy of the tree at `root` in `copy`, and gives what puts the tree back as it was, times included (those are
 * cut to whole seconds first). Only what is different is written.
 */
export function resettable(root: string, copy: string): () => void {
  cpSync(root, copy, { recursive: true });
  const original = new Map<string, Stats>();
  const paths = [...walk(root)].map(({ path }) => path).filter((path) => path !== '');
  for (const path of paths.toReversed()) {
    const stats = lstatSync(join(root, path));
    const time = Math.floor(stats.mtimeMs / 1000);
    for (const place of [root, copy]) lutimesSync(join(place, path), time, time);
    original.set(path, lstatSync(join(copy, path)));
  }

  return () => {
    for (const { path } of [...walk(root)]) {
      const was = original.get(path);
      if (path === '' || isStillThere(join(root, path), was)) continue;
      rmSync(join(root, path), { recursive: true, force: true });
    }
    for (const path of paths) {
      const was = original.get(path);
      if (was === undefined || lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined) continue;
      if (was.isDirectory()) mkdirSync(join(root, path), { mode: was.mode });
      else copyFileSync(join(copy, path), join(root, path));
    }
    // Last, from below: what was put into a directory has changed its time.
    for (const path of paths.toReversed()) {
      const was = original.get(path);
      if (was === undefined || lstatSync(join(root, path)).mtimeMs === was.mtimeMs) continue;
      lutimesSync(join(root, path), was.mtime, was.mtime);
    }
  };
}

function isStillThere(path: string, was: Stats | undefined): boolean {
  const is = lstatSync(path, { throwIfNoEntry: false });
  // Already gone, with its directory.
  if (is === undefined) return true;
  if (was === undefined || is.isDirectory() !== was.isDirectory()) return false;
  return is.isDirectory() || (is.size === was.size && is.mtimeMs === was.mtimeMs);
}
