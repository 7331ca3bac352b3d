import { closeSync, ftruncateSync, futimesSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { baseLayer, baseLayersOf, type Drawn, manifestOf, pushedFirst } from './content.ts';
import type { Shape } from './shape.ts';

/** Something that one worker writes: some manifests of a repository, or (undefined) the base layers. */
export interface Task {
  readonly repository: number | undefined;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

const chunk = 64;

/** Everything but what `prepare` makes, in parts small enough that no worker is left alone with the last one. */
export function tasksOf(shape: Shape): Task[] {
  const tasks: Task[] = [{ repository: undefined, from: 0, to: shape.baseLayers }];
  for (const [repository, count] of shape.manifests.entries())
    for (let from = 0; from < count; from += chunk)
      tasks.push({ repository, from, to: Math.min(from + chunk, count) });
  return tasks;
}

export function repositoryName(repository: number): string {
  return `team-${String(repository % 20).padStart(2, '0')}/app-${String(repository).padStart(4, '0')}`;
}

/** The directories that many share. */
export function prepare(root: string, shape: Shape): void {
  for (let prefix = 0; prefix < 256; prefix++)
    mkdirSync(`${blobs(root)}/${prefix.toString(16).padStart(2, '0')}`, { recursive: true });
  for (const repository of shape.manifests.keys()) {
    const base = directoryOf(root, repository);
    for (const directory of ['_layers/sha256', '_manifests/revisions/sha256', '_manifests/tags', '_uploads'])
      mkdirSync(`${base}/${directory}`, { recursive: true });
  }
}

export function carryOut(root: string, shape: Shape, task: Task): void {
  const { repository } = task;
  if (repository === undefined) {
    writeBaseLayers(root, shape, task);
    return;
  }
  const base = directoryOf(root, repository);
  const bases = baseLayersOf(shape, repository);
  if (task.from === 0)
    for (const index of bases)
      writeLink(`${base}/_layers/sha256`, baseLayer(shape, index).hex, pushedFirst(shape, repository));
  const seen = new Set<number>();
  for (let index = task.from; index < task.to; index++) {
    const manifest = manifestOf(shape, repository, index, bases);
    const { hex, text, pushedAt } = manifest;
    for (const blob of [manifest.config, ...manifest.ownLayers]) {
      writeSparse(root, blob, pushedAt);
      writeLink(`${base}/_layers/sha256`, blob.hex, pushedAt);
    }
    const directory = blobDirectory(root, hex);
    mkdirSync(directory);
    writeFile(`${directory}/data`, text, pushedAt);
    writeLink(`${base}/_manifests/revisions/sha256`, hex, pushedAt);
    const tag = `${base}/_manifests/tags/v${manifest.tag}`;
    if (!seen.has(manifest.tag)) mkdirSync(`${tag}/index/sha256`, { recursive: true });
    seen.add(manifest.tag);
    writeLink(`${tag}/index/sha256`, hex, pushedAt);
    if (!manifest.current) continue;
    mkdirSync(`${tag}/current`);
    writeFile(`${tag}/current/link`, `sha256:${hex}`, pushedAt);
  }
}

function writeBaseLayers(root: string, shape: Shape, { from, to }: Task): void {
  for (let index = from; index < to; index++)
    writeSparse(root, baseLayer(shape, index), pushedFirst(shape, 0));
}

function blobs(root: string): string {
  return `${root}/docker/registry/v2/blobs/sha256`;
}

function blobDirectory(root: string, hex: string): string {
  return `${blobs(root)}/${hex.slice(0, 2)}/${hex}`;
}

function directoryOf(root: string, repository: number): string {
  return `${root}/docker/registry/v2/repositories/${repositoryName(repository)}`;
}

/** A file of that size which takes no space. */
function writeSparse(root: string, { hex, size }: Drawn, time: number): void {
  const directory = blobDirectory(root, hex);
  mkdirSync(directory);
  const file = openSync(`${directory}/data`, 'wx');
  ftruncateSync(file, size);
  futimesSync(file, time, time);
  closeSync(file);
}

function writeLink(parent: string, hex: string, time: number): void {
  mkdirSync(`${parent}/${hex}`);
  writeFile(`${parent}/${hex}/link`, `sha256:${hex}`, time);
}

function writeFile(path: string, text: string, time: number): void {
  const file = openSync(path, 'wx');
  writeSync(file, text);
  futimesSync(file, time, time);
  closeSync(file);
}
