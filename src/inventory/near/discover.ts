import { type Area, blobsRoot, isRepositoryName, keyOf, repositoriesRoot } from '../../registry/layout.ts';
import type { Near } from '../../storage/near.ts';
import type { Findings } from './findings.ts';
import { irregular } from './leaves.ts';
import type { Leaves } from './task.ts';

/** A directory that holds some of the registry's own three. */
export interface Found {
  readonly name: string;
  readonly directory: string;
  readonly areas: readonly Area[];
}

/** Goes through the directories of repositories, without those that are the registry's own; or through those of `only`. */
export function* discover(near: Near, found: Findings, only?: ReadonlySet<string>): Generator<Found> {
  const pending = only === undefined ? [repositoriesRoot] : Array.from(only, keyOf.repository);
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const names = near.names(directory);
    if (names?.length === 0 && directory !== repositoriesRoot) found.empty.push(directory);
    const name = directory.slice(repositoriesRoot.length, -1);
    const areas: Area[] = [];
    for (const child of names ?? []) {
      if (!child.isDirectory()) irregular(found, directory, child);
      else if (!child.name.startsWith('_')) {
        if (only === undefined) pending.push(`${directory}${child.name}/`);
      } else if (isArea(child.name) && isRepositoryName(name)) areas.push(child.name);
      else irregular(found, directory, child);
    }
    if (areas.length > 0) yield { name, directory, areas };
  }
}

/** The directories that blobs are in, by the first two digits of their sha256. */
export function blobDirectories(near: Near, found: Findings): Leaves[] {
  const tasks: Leaves[] = [];
  each(near, found, blobsRoot, /^sha256$/, (algorithm) =>
    each(near, found, algorithm, /^[0-9a-f]{2}$/, (directory) =>
      tasks.push({ kind: 'leaves', of: 'blob', repository: -1, directory }),
    ),
  );
  return tasks;
}

/** Calls `enter` with every directory in `directory` whose name is like that; whatever else there is is irregular. */
function each(
  near: Near,
  found: Findings,
  directory: string,
  like: RegExp,
  enter: (directory: string) => void,
): void {
  const names = near.names(directory);
  if (names?.length === 0 && directory !== blobsRoot) found.empty.push(directory);
  for (const child of names ?? []) {
    if (child.isDirectory() && like.test(child.name)) enter(`${directory}${child.name}/`);
    else irregular(found, directory, child);
  }
}

function isArea(name: string): name is Area {
  return name === '_layers' || name === '_manifests' || name === '_uploads';
}
