import type { Inventory } from '../inventory/inventory.ts';
import type { Held } from '../pipeline/lock.ts';
import type { Plan } from '../plan/plan.ts';
import { keyOf, placeOf } from '../registry/layout.ts';
import { parentOf } from '../storage/key.ts';
import type { Storage } from '../storage/storage.ts';
import { type ApplyOptions, type Going, type Left, stillMay } from './apply.ts';
import type { Collection } from './collector.ts';

export interface Tidied {
  readonly uploads: number;
  readonly repositories: number;
  readonly directories: number;
  readonly left: readonly Left[];
}

const batchSize = 500;

/** Directories of swept blobs' prefixes (`blobs/sha256/ab/`), which the registry's collector leaves empty. */
export function sweptDirectories(inventory: Inventory, collection: Pick<Collection, 'sweeps'>): string[] {
  const directories = new Set<string>();
  collection.sweeps.forEach((sweeps, id) => {
    if (sweeps === 1) directories.add(parentOf(parentOf(keyOf.blob(inventory.digest(id)))));
  });
  return [...directories];
}

/** Removes old uploads, empty repositories (if the plan has them) and directories that nobody needs any more. */
export async function tidy(
  storage: Storage,
  plan: Plan,
  held: Held,
  emptyDirectories: readonly string[],
  options: ApplyOptions,
): Promise<Tidied> {
  const left: Left[] = [];
  function leave(one: Left): void {
    left.push(one);
    options.onLeft?.(one);
  }
  /** `mayBeOccupied`: a directory that is not empty after all stays, and that is right. */
  async function remove(keys: readonly string[], mayBeOccupied = false): Promise<number> {
    let removed = 0;
    for (let at = 0; at < keys.length; at += batchSize) {
      options.signal.throwIfAborted();
      await held.check();
      await options.stillSafe?.();
      const batch = keys.slice(at, at + batchSize);
      if (mayBeOccupied) await options.onRemoving?.(batch.map(asGoing));
      await storage.remove(batch, stillMay(held, options), (answer) => {
        const { key, outcome, reason } = answer;
        if (mayBeOccupied) options.onAnswered?.(answer);
        if (outcome === 'removed') removed++;
        if (outcome !== 'failed' || (mayBeOccupied && reason?.includes('ENOTEMPTY'))) return;
        leave({ key, reason: reason ?? 'unknown' });
      });
    }
    return removed;
  }
  /** Removes a directory of ours with all below it. True when nothing of it is left. */
  async function removeTree(prefix: string): Promise<boolean> {
    const before = left.length;
    // The storage prunes what it emptied, but not directories that a registry needs: they show on the next look.
    for (let removed = 1; removed > 0; ) {
      const keys: string[] = [];
      for await (const page of storage.list(prefix)) for (const entry of page) keys.push(entry.key);
      removed = await remove(keys);
      if (left.length > before) return false;
    }
    await remove([prefix]);
    return left.length === before;
  }

  let uploads = 0;
  let repositories = 0;
  const leftovers = [...plan.remove.of('upload'), ...plan.remove.of('repository')];
  for (let at = 0; at < leftovers.length; at += batchSize) {
    const batch = leftovers.slice(at, at + batchSize);
    await options.onRemoving?.(batch);
    for (const { kind, key, repository } of batch) {
      const before = left.length;
      const gone =
        kind === 'upload'
          ? await removeTree(key)
          : repository !== undefined && (await removeRepository(repository));
      if (gone && kind === 'upload') uploads++;
      if (gone && kind === 'repository') repositories++;
      options.onAnswered?.({ key, outcome: gone ? 'removed' : 'failed', reason: left[before]?.reason });
    }
  }
  const directories = await remove([...new Set(emptyDirectories)], true);
  return { uploads, repositories, directories, left };

  /** Its own three directories, never the repositories nested in it, and only if nothing is in them that counts. */
  async function removeRepository(repository: string): Promise<boolean> {
    const areas = (['_layers', '_manifests', '_uploads'] as const).map((area) =>
      keyOf.area(repository, area),
    );
    for (const area of areas) {
      for await (const page of storage.list(area)) {
        const file = page.find(({ key, type }) => type !== 'directory' || placeOf(key).kind !== 'directory');
        if (file === undefined) continue;
        leave({ key: file.key, reason: 'left, and its repository with it: it is not empty' });
        return false;
      }
    }
    // `_manifests` last but one, `_layers` last: without `_layers` a 2.x registry does not see manifests any more.
    const [layers = '', manifests = '', pushes = ''] = areas;
    for (const area of [pushes, manifests, layers]) if (!(await removeTree(area))) return false;
    return true;
  }
}

function asGoing(key: string): Going {
  return { kind: 'directory', key, because: 'nothing is in it, and no registry needs it' };
}
