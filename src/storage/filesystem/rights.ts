import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { type Denial, type Rights, type RightsQuestion, stateKind } from '../rights.ts';
import { type Lack, type Need, namesIn, Permissions } from './permissions.ts';
import { whoWeAre } from './who.ts';

/** So many directories are looked at per kind and level. */
const width = 10;
/** Directories that are entered to find those that `**` means. */
const searched = 40;
/** lstat(2) and access(2), in all: on a network file system each is a round trip. */
const mostCalls = 500;

/**
 * What we lack the rights for, by samples: a few places of every kind, spread over the tree. Changes nothing. Errors:
 * STORAGE_FAILED for what is no matter of rights.
 */
export async function lookAtRights(question: RightsQuestion): Promise<Rights> {
  const who = whoWeAre();
  const survey = new Survey(new Permissions(who, mostCalls), question.writes);
  // First, since without it nothing can even be recovered.
  await survey.ownDirectory(question.stateDirectory);
  for (const { name, pattern } of question.kinds)
    await survey.sample(name, question.root, pattern.split('/'));
  return { who, denials: survey.denials };
}

class Survey {
  readonly denials: Denial[] = [];
  readonly #permissions: Permissions;
  readonly #writes: boolean;
  /** Need and path → whether it can be looked into. Kinds share most of their way. */
  readonly #seen = new Map<string, boolean>();
  readonly #found = new Map<string, readonly string[]>();

  constructor(permissions: Permissions, writes: boolean) {
    this.#permissions = permissions;
    this.#writes = writes;
  }

  async sample(kind: string, root: string, pattern: readonly string[]): Promise<void> {
    const file = pattern.at(-1) ?? '';
    const directories = pattern.slice(0, -1);
    let frontier = (await this.#mayEnter(kind, root, 'look')) ? [root] : [];
    for (const [depth, name] of directories.entries()) {
      // An emptied directory is removed from the one above it.
      const need = depth >= directories.length - 2 ? 'change' : 'look';
      const share = Math.ceil(width / frontier.length);
      const next: string[] = [];
      for (const directory of frontier) {
        for (const path of await this.#below(kind, directory, name, share))
          if (await this.#mayEnter(kind, path, need)) next.push(path);
      }
      frontier = next;
    }
    if (file === '') return;
    for (const directory of frontier) await this.#file(kind, `${directory}/${file}`, false);
  }

  /** The state directory: what is in it is read, appended to and replaced; a missing one is made. */
  async ownDirectory(path: string): Promise<void> {
    let nearest = path;
    while ((await this.#permissions.lstat(nearest)) === undefined && nearest !== dirname(nearest))
      nearest = dirname(nearest);
    const enters = await this.#mayEnter(stateKind, nearest, nearest === path ? 'change' : 'create');
    if (nearest !== path || !enters) return;
    for (const name of await namesIn(path, width)) {
      const stats = await this.#permissions.lstat(`${path}/${name}`);
      if (stats?.isDirectory()) await this.#mayEnter(stateKind, `${path}/${name}`, 'change');
      if (stats?.isFile()) await this.#file(stateKind, `${path}/${name}`, this.#writes);
    }
  }

  async #below(kind: string, directory: string, name: string, share: number): Promise<readonly string[]> {
    if (name === '**') return this.#findBelow(kind, directory);
    if (name !== '*') return [`${directory}/${name}`];
    return (await namesIn(directory, share)).map((child) => `${directory}/${child}`);
  }

  /** What `**` means below `directory`: the directories in which a name begins with `_`. */
  async #findBelow(kind: string, directory: string): Promise<readonly string[]> {
    const known = this.#found.get(directory);
    if (known !== undefined) return known;
    const found: string[] = [];
    const queue = [directory];
    for (let entered = 0; entered < searched && found.length < width; entered++) {
      const path = queue.shift();
      if (path === undefined) break;
      if (path !== directory && !(await this.#mayEnter(kind, path, 'look'))) continue;
      const names = await namesIn(path, searched);
      if (names.some((name) => name.startsWith('_'))) found.push(path);
      queue.push(...names.filter((name) => !name.startsWith('_')).map((name) => `${path}/${name}`));
    }
    this.#found.set(directory, found);
    return found;
  }

  /** Whether it is a directory that can be looked into. Notes what is missing for `need`, once. */
  async #mayEnter(kind: string, path: string, need: Need): Promise<boolean> {
    const wanted = this.#writes ? need : 'look';
    const known = this.#seen.get(`${wanted} ${path}`);
    if (known !== undefined) return known;
    const stats = await this.#permissions.lstat(path);
    if (stats === undefined || !stats.isDirectory()) return false;
    const lack = await this.#permissions.lackIn(path, stats, wanted);
    if (lack !== undefined) this.#deny(kind, path, lack, stats);
    const may = lack?.deed !== 'read';
    this.#seen.set(`${wanted} ${path}`, may);
    return may;
  }

  async #file(kind: string, path: string, writes: boolean): Promise<void> {
    const lack = await this.#permissions.lackOf(path, writes);
    const stats = lack && (await this.#permissions.lstat(path));
    if (lack !== undefined && stats !== undefined) this.#deny(kind, path, lack, stats);
  }

  #deny(kind: string, path: string, lack: Lack, { uid, gid, mode }: Stats): void {
    this.denials.push({ kind, path, ...lack, owner: { uid, gid }, mode: mode & 0o7777 });
  }
}
