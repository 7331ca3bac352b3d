import { errnoError, storageFailure } from '../../src/storage/failure.ts';
import type { Removed, State, Storage } from '../../src/storage/storage.ts';

export interface Fault<Method extends string> {
  readonly method: Method;
  /** Which call of the method fails, from 1. Only calls with a matching key count, where `key` is given. */
  readonly nth: number;
  readonly errno: 'EIO' | 'EACCES' | 'ENOSPC' | 'EROFS' | 'ESTALE' | 'ENOENT';
  readonly key?: RegExp;
}

export type StorageFault = Fault<'list' | 'read' | 'open' | 'stat' | 'remove'>;
export type StateFault = Fault<
  'createExclusive' | 'replaceIf' | 'append' | 'read' | 'list' | 'remove' | 'prepare'
>;

/**
 * `storage`, some calls of which fail as those of a failing disk do: STORAGE_FAILED with the errno in its cause; and a
 * removal with `failed` for every key of the call (or that matches `key`), the others of it going on.
 */
export function faultyStorage(storage: Storage, ...faults: readonly StorageFault[]): Storage {
  const fault = counter(faults);
  function trip(method: StorageFault['method'], key: string): void {
    const errno = fault(method, [key]);
    if (errno !== undefined) throw storageFailure(method, storage.locate(key), errnoError(errno.errno));
  }
  return {
    name: storage.name,
    locate: (key) => storage.locate(key),
    async *list(prefix, skip) {
      trip('list', prefix);
      yield* storage.list(prefix, skip);
    },
    async read(key, limit) {
      trip('read', key);
      return storage.read(key, limit);
    },
    async open(key) {
      trip('open', key);
      return storage.open(key);
    },
    async stat(key) {
      trip('stat', key);
      return storage.stat(key);
    },
    async remove(keys, before, tell) {
      const hit = fault('remove', keys);
      if (hit === undefined) return storage.remove(keys, before, tell);
      const fails = (key: string): boolean => hit.key?.test(key) ?? true;
      const failed = (key: string): Removed => ({ key, outcome: 'failed', reason: hit.errno });
      for (const key of keys.filter(fails)) tell?.(failed(key));
      const rest = await storage.remove(
        keys.filter((key) => !fails(key)),
        before,
        tell,
      );
      const answers = rest[Symbol.iterator]();
      return keys.map((key) =>
        fails(key) ? failed(key) : (answers.next().value ?? { key, outcome: 'absent' }),
      );
    },
  };
}

/** The same for State. */
export function faultyState(state: State, ...faults: readonly StateFault[]): State {
  const fault = counter(faults);
  async function or<T>(method: StateFault['method'], key: string, work: () => Promise<T>): Promise<T> {
    const hit = fault(method, [key]);
    if (hit !== undefined) throw storageFailure(method, state.locate(key), errnoError(hit.errno));
    return work();
  }
  return {
    locate: (key) => state.locate(key),
    createExclusive: (key, text) => or('createExclusive', key, () => state.createExclusive(key, text)),
    replaceIf: (key, expected, text) => or('replaceIf', key, () => state.replaceIf(key, expected, text)),
    append: (key, line) => or('append', key, () => state.append(key, line)),
    read: (key) => or('read', key, () => state.read(key)),
    list: (prefix) => or('list', prefix, () => state.list(prefix)),
    remove: (key) => or('remove', key, () => state.remove(key)),
    prepare: () => or('prepare', '', () => state.prepare()),
  };
}

/** Counts calls per fault, and gives the fault whose turn it is. */
function counter<Method extends string>(
  faults: readonly Fault<Method>[],
): (method: Method, keys: readonly string[]) => Fault<Method> | undefined {
  const calls = new Map<Fault<Method>, number>();
  return (method, keys) => {
    let hit: Fault<Method> | undefined;
    for (const fault of faults) {
      const { key } = fault;
      if (fault.method !== method || (key !== undefined && !keys.some((one) => key.test(one)))) continue;
      const call = (calls.get(fault) ?? 0) + 1;
      calls.set(fault, call);
      if (call === fault.nth) hit = fault;
    }
    return hit;
  };
}
