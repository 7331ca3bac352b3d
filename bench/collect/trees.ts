import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Home, type HomeOptions, homeIn } from '../tree/home.ts';
import { type Shape, shapeOf } from '../tree/shape.ts';
import type { Contender, On } from './contender.ts';
import { settle } from './kernel.ts';
import { onThreads } from './on-threads.ts';
import { type Options, ownPrefix } from './options.ts';
import { warm } from './warm.ts';

/** What is built, and where. */
export type Where = Pick<Options, 'size' | 'work'>;

/** A tree for one measured run; thrown away afterwards unless it is one that is only read. */
export interface Ready extends AsyncDisposable {
  readonly home: Home;
}

/** Builds the tree where it is not there. What is thrown away is always built anew, from the same seed. */
export async function treeFor(on: On, options: Where): Promise<Home> {
  const { size, work } = options;
  const names: Record<On, string> = {
    base: size,
    skew: `${size}-skew`,
    copy: `${ownPrefix}copy`,
    closed: `${ownPrefix}closed`,
  };
  const directory = join(work, names[on]);
  if (isThrownAway(on)) await discard(directory);
  return homeIn(directory, wantedOf(on, options));
}

export function shapeFor(on: On, options: Where): Shape {
  return shapeOf(options.size, wantedOf(on, options));
}

/** A tree on which nobody pays for what was before: written to the disk, and in the kernel's caches whole. */
export async function makeReady({ on }: Pick<Contender, 'on'>, options: Where): Promise<Ready> {
  const home = await treeFor(on, options);
  await warm(home.root);
  settle();
  return {
    home,
    async [Symbol.asyncDispose]() {
      if (isThrownAway(on)) await discard(join(home.root, '..'));
    },
  };
}

/** How many blobs there are, whatever is in them. */
export function countBlobs({ root }: Home): number {
  const blobs = join(root, 'docker/registry/v2/blobs/sha256');
  return readdirSync(blobs).reduce((sum, prefix) => sum + readdirSync(join(blobs, prefix)).length, 0);
}

function wantedOf(on: On, { size }: Where): HomeOptions {
  return { size, garbage: on === 'closed' ? 0.01 : 0.5, skew: on === 'skew', seed: 1 };
}

function isThrownAway(on: On): boolean {
  return on === 'copy' || on === 'closed';
}

/** Two threads are quicker, and the copies are many. */
async function discard(directory: string): Promise<void> {
  const v2 = join(directory, 'data/docker/registry/v2');
  const below = (part: string): string[] => {
    const parent = join(v2, part);
    return existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : [];
  };
  const parts = [...below('blobs/sha256'), ...below('repositories')];
  await onThreads(new URL('./discard-thread.ts', import.meta.url), parts);
  rmSync(directory, { recursive: true, force: true });
}
