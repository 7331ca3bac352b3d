import { constants, type Stats } from 'node:fs';
import { access, lstat, opendir } from 'node:fs/promises';
import { errnoOf, isAbsence, storageFailure } from '../failure.ts';
import type { Denial, Who } from '../rights.ts';

const { R_OK, W_OK, X_OK } = constants;
const stickyBit = 0o1000;

/** `create`: new names may be made in it. `change`: what is in it, others' files too, may be removed or replaced. */
export type Need = 'look' | 'create' | 'change';

export type Lack = Pick<Denial, 'deed' | 'because'>;

/** Asks the kernel what we may do, changing nothing, and no more than `calls` times: then nothing is denied any more. */
export class Permissions {
  readonly #who: Who;
  #calls: number;

  constructor(who: Who, calls: number) {
    this.#who = who;
    this.#calls = calls;
  }

  /** What is missing to do `need` in the directory. */
  async lackIn(path: string, stats: Stats, need: Need): Promise<Lack | undefined> {
    const because = await this.#denied(path, need === 'look' ? R_OK | X_OK : R_OK | W_OK | X_OK);
    if (because !== undefined) {
      const look = need === 'look' ? because : await this.#denied(path, R_OK | X_OK);
      return look === undefined ? { deed: 'write', because } : { deed: 'read', because: look };
    }
    const others = need === 'change' && (await this.#isOthers(path, stats));
    return others ? { deed: 'write', because: 'sticky' } : undefined;
  }

  /** What is missing to read the file and, if `writes`, to write to it. */
  async lackOf(path: string, writes: boolean): Promise<Lack | undefined> {
    const because = await this.#denied(path, writes ? R_OK | W_OK : R_OK);
    return because && { deed: writes ? 'write' : 'read', because };
  }

  /** Undefined where there is nothing, or where that cannot be seen: what denies it lies above. */
  async lstat(path: string): Promise<Stats | undefined> {
    if (this.#calls-- <= 0) return undefined;
    try {
      return await lstat(path);
    } catch (error) {
      if (isAbsence(error) || errnoOf(error) === 'EACCES') return undefined;
      throw storageFailure('look at', path, error);
    }
  }

  /** access(2) asks for the real user, who is the one that acts here. */
  async #denied(path: string, mode: number): Promise<Denial['because'] | undefined> {
    if (this.#calls-- <= 0) return undefined;
    try {
      await access(path, mode);
      return undefined;
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'EROFS') return 'read-only';
      if (code === 'EPERM') return 'immutable';
      // For a user other than root, it leaves capabilities out of account (systemd's AmbientCapabilities, say).
      if (code === 'EACCES') return this.#who.uid !== 0 && this.#who.overridesRights ? undefined : 'rights';
      if (isAbsence(error)) return undefined;
      throw storageFailure('look at', path, error);
    }
  }

  /** With the sticky bit, what is in a directory can be removed by its own owner, and by the directory's. */
  async #isOthers(path: string, { mode, uid }: Stats): Promise<boolean> {
    if ((mode & stickyBit) === 0 || uid === this.#who.uid || this.#who.overridesSticky) return false;
    for (const name of await namesIn(path, 3)) {
      const stats = await this.lstat(`${path}/${name}`);
      if (stats !== undefined && stats.uid !== this.#who.uid) return true;
    }
    return false;
  }
}

/** Names that are read of a directory to choose from: some have a million. */
const namesRead = 200;

/** At most `count` names in a directory that can be read, evenly spread over the first ones. */
export async function namesIn(path: string, count: number): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(path)) if (names.push(name) === namesRead) break;
  } catch (error) {
    if (isAbsence(error)) return [];
    throw storageFailure('list', path, error);
  }
  const step = Math.max(1, names.length / count);
  return Array.from({ length: Math.min(count, names.length) }, (_, i) => names[Math.floor(i * step)] ?? '');
}
