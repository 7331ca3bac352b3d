import { blobsRoot, repositoriesRoot } from '../../registry/layout.ts';
import type { Near } from '../../storage/near.ts';
import type { Reader } from '../../storage/storage.ts';
import type { InventoryBuilder } from '../builder.ts';
import { digestWords } from '../digest-table.ts';
import type { DigestId } from '../inventory.ts';
import type { ReadOptions } from '../read.ts';
import type { Crew } from './crew.ts';
import { blobDirectories, discover } from './discover.ts';
import { Earlier } from './earlier.ts';
import { Findings } from './findings.ts';
import { readIrregular } from './irregular.ts';
import { mergeRows } from './merge.ts';
import { mergeManifests } from './merge-manifests.ts';
import type { Answer, Depth, Task } from './task.ts';

/** Manifests that one task reads. */
const manifestsAtOnce = 64;

/**
 * As `readRepositories`, of a storage that is near. Where it need not be thorough, what `known` tells of references is
 * held against the inodes of their links, if the storage shows every change in them, or against the links: that is
 * returned, and has the history of tags that are as they were.
 */
export async function readRepositoriesNear(
  reader: Reader,
  builder: InventoryBuilder,
  options: ReadOptions,
  crew: Crew,
): Promise<Earlier | undefined> {
  const { known, onProgress } = options;
  crew.near.assertSame();
  if (!crew.near.enter(repositoriesRoot)) return undefined;
  const earlier = known === undefined || (options.thorough ?? true) ? undefined : new Earlier(known);
  const found = new Findings();
  const repositories: { readonly name: string; readonly directory: string }[] = [];
  const weighed: { readonly task: Task; readonly weight: number }[] = [];
  for (const { name, directory, areas } of discover(crew.near, found, options.only)) {
    options.signal?.throwIfAborted();
    // With an earlier inventory, layer links are not looked at: that they have a directory is seen.
    const skipsLayers = known !== undefined && areas.includes('_layers');
    if (skipsLayers) builder.directory(name, '_layers');
    const own = skipsLayers ? areas.filter((area) => area !== '_layers') : areas;
    if (own.length > 0) {
      const repository = repositories.push({ name, directory }) - 1;
      const depth = depthOf(earlier, crew.near, options.closely?.has(name));
      const task: Task = { kind: 'repository', repository, directory, areas: own, depth };
      const links = known?.repository(name)?.revisionCount;
      weighed.push({ task, weight: links ?? crew.near.weight(`${directory}_layers/sha256/`) });
    }
    await crew.breath();
  }
  weighed.sort((one, other) => one.weight - other.weight);
  let done = 0;
  const { irregular, empty } = found;
  let tasks: readonly Task[] = weighed.map(({ task }) => task);
  while (tasks.length > 0) {
    const again: Task[] = [];
    const take = (answer: Answer): void => {
      for (const task of mergeRows({ builder, repositories, earlier }, answer).again) again.push(task);
      collect(answer, { irregular, empty });
      done += answer.looked;
      onProgress?.({ phase: 'repositories', done });
    };
    await crew.run(tasks, take, options.signal);
    tasks = again;
  }
  await readIrregular(reader, builder, { irregular, empty }, options);
  crew.near.assertSame();
  return earlier;
}

function depthOf(earlier: Earlier | undefined, { seesChanges }: Near, closely = true): Depth {
  if (earlier === undefined) return 'whole';
  if (!seesChanges) return 'links';
  return closely ? 'attributes' : 'names';
}

/** As `readBlobs`, of a storage that is near. */
export async function readBlobsNear(
  reader: Reader,
  builder: InventoryBuilder,
  options: ReadOptions,
  crew: Crew,
): Promise<void> {
  crew.near.assertSame();
  if (!crew.near.enter(blobsRoot)) return;
  const found = new Findings();
  const { irregular, empty } = found;
  const tasks = blobDirectories(crew.near, found);
  let done = 0;
  let bytes = 0;
  const take = (answer: Answer): void => {
    bytes += mergeRows({ builder, repositories: [] }, answer).bytes;
    collect(answer, { irregular, empty });
    done += answer.looked;
    options.onProgress?.({ phase: 'blobs', done, bytes });
  };
  await crew.run(tasks, take, options.signal);
  await readIrregular(reader, builder, { irregular, empty }, options);
  crew.near.assertSame();
}

/**
 * Reads those of the manifests `ids` that are as they should be, and whose blobs were met as files. Returns the others.
 */
export async function readManifestsNear(
  builder: InventoryBuilder,
  ids: readonly DigestId[],
  { signal, onRead }: { readonly signal?: AbortSignal; readonly onRead: (count: number) => void },
  crew: Crew,
): Promise<DigestId[]> {
  const left: DigestId[] = [];
  const usual: DigestId[] = [];
  const words = new Int32Array(digestWords);
  for (const id of ids) {
    const isThere = builder.blobSize(id) !== undefined && builder.digests.copyWords(id, words, 0);
    (isThere ? usual : left).push(id);
  }
  const tasks: Task[] = [];
  for (let first = 0; first < usual.length; first += manifestsAtOnce) {
    const some = usual.slice(first, first + manifestsAtOnce);
    const digests = new Int32Array(some.length * digestWords);
    for (const [i, id] of some.entries()) builder.digests.copyWords(id, digests, i * digestWords);
    tasks.push({ kind: 'manifests', first, digests });
  }
  const take = (answer: Answer): void => {
    for (const contents of answer.contents) {
      for (const id of mergeManifests(builder, contents, usual)) left.push(id);
    }
    onRead(answer.looked);
  };
  await crew.run(tasks, take, signal);
  return left;
}

function collect(answer: Answer, into: { readonly irregular: string[]; readonly empty: string[] }): void {
  for (const key of answer.irregular) into.irregular.push(key);
  for (const key of answer.empty) into.empty.push(key);
}
