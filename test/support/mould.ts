import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noise, pushCosign, pushImage, pushMultiArch, startUpload } from './push.ts';
import type { TestRegistry } from './registry.ts';
import { walk } from './tree.ts';

/** A tree that a real registry has made, of which there may be any number of copies, each in a few ms. */
export interface Mould extends Disposable {
  readonly original: string;
  /** Its files are the original's, under other names: they may be removed, and must not be written to. */
  copy(): { readonly root: string } & Disposable;
}

/** Takes a mould of the registry's storage, with all that a run removes laid into it. The registry must be stopped. */
export function takeMould({ root }: TestRegistry): Mould {
  const base = mkdtempSync(join(tmpdir(), 'registry-cleanup-mould-'));
  const original = join(base, 'original');
  copyTree(root, original, copyFileSync);
  const v2 = join(original, 'docker/registry/v2');
  for (const empty of ['_layers', '_manifests/tags', '_uploads'])
    mkdirSync(join(v2, 'repositories/team/empty', empty), { recursive: true });
  mkdirSync(join(v2, 'blobs/sha256/00'), { recursive: true });
  return {
    original,
    copy() {
      const copied = join(mkdtempSync(join(base, 'copy-')), 'root');
      copyTree(original, copied, linkSync);
      return { root: copied, [Symbol.dispose]: () => rmSync(join(copied, '..'), { recursive: true }) };
    },
    [Symbol.dispose]: () => rmSync(base, { recursive: true }),
  };
}

/** Something of every kind that a run removes, beside what it must keep; layers shared between both. Small. */
export async function pushLitter(url: string): Promise<void> {
  const shared = noise('shared');
  for (const seed of ['one', 'two'])
    await pushImage(url, 'team/app', 'latest', { seed, layers: [shared, noise(seed)] });
  await pushMultiArch(url, 'multi', 'v1', { seed: 'old' });
  const { index } = await pushMultiArch(url, 'multi', 'v1', { seed: 'new' });
  await pushCosign(url, 'multi', index);
  await startUpload(url, 'multi', noise('an upload that nobody goes on with'));
}

function copyTree(from: string, to: string, copyFile: (from: string, to: string) => void): void {
  for (const { path, stats } of walk(from)) {
    if (stats.isDirectory()) mkdirSync(join(to, path));
    else copyFile(join(from, path), join(to, path));
  }
}
