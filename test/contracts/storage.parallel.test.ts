import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { moment } from '../../src/clocks.ts';
import { openParallel } from '../../src/storage/filesystem/parallel.ts';
import { Root } from '../../src/storage/filesystem/root.ts';
import { openFilesystem } from '../../src/storage/filesystem.ts';
import { isRevoked, permitMemory, renew, revoke } from '../../src/storage/permit.ts';
import type { ParallelRemoval, Permit, Removed } from '../../src/storage/storage.ts';
import { filesystemBench, removeTree } from '../support/storage-bench.ts';

/*
 * Removing with several threads: the same answers and the same tree afterwards as `Storage.remove`, and nothing without
 * leave.
 */

const hour = 3_600_000;

/** Leave that nobody takes back, by itself. */
function leave(forMs = hour): Permit & { take(why: Error): void } {
  const memory = permitMemory();
  renew(memory, moment(), forMs);
  let thrown: Error | undefined;
  return {
    memory,
    check() {
      if (thrown !== undefined) throw thrown;
    },
    take(why) {
      thrown = why;
      revoke(memory);
    },
  };
}

interface Heard {
  readonly answers: readonly Removed[];
  readonly occupied: readonly string[];
}

/** What is told, sorted: threads are in no order. */
async function removed(threads: ParallelRemoval, keys: readonly string[]): Promise<Heard> {
  const answers: Removed[] = [];
  const occupied: string[] = [];
  await threads.remove(
    keys,
    (one) => answers.push(one),
    (directory) => occupied.push(directory),
  );
  return { answers: byKey(answers), occupied: occupied.sort() };
}

function byKey(answers: readonly Removed[]): Removed[] {
  return answers.toSorted((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
}

describe('removing with several threads', () => {
  let bench: ReturnType<typeof filesystemBench>;
  let permit: ReturnType<typeof leave>;
  let threads: ParallelRemoval;
  beforeEach(() => {
    bench = filesystemBench();
    permit = leave();
    threads = openParallel(new Root(bench.root), permit);
  });
  afterEach(async () => {
    await threads.close();
    bench.dispose();
  });

  const outcomes = async (...keys: string[]): Promise<string[]> => {
    const { answers } = await removed(threads, keys);
    for (const { outcome, reason } of answers) expect(reason !== undefined).toBe(outcome === 'failed');
    return answers.map(({ key, outcome }) => `${outcome} ${key}`);
  };

  it('removes thousands of files of many directories, and prunes what that empties', async () => {
    const keys: string[] = [];
    for (let i = 0; i < 1_000; i++)
      keys.push(`r${i % 7}/_layers/sha256/${i}/link`, `blobs/${i % 50}/${i}/data`);
    for (const key of keys) bench.put(key, 'x');
    bench.put('blobs/7/stays/data', 'x');
    const heard = await removed(threads, keys);
    expect(heard.answers).toEqual(byKey(keys.map((key) => ({ key, outcome: 'removed' }))));
    expect(heard.occupied).toEqual([]);
    expect(bench.left()).toEqual([
      'blobs/7/stays/data',
      ...Array.from({ length: 7 }, (_, i) => `r${i}/_layers/`),
    ]);
  });

  it('answers every key once: what is absent, named twice, no key, a directory or a symlink', async () => {
    bench.put('a/file', 'x');
    bench.put('real/deep/file', 'x');
    bench.mkdir('directory/');
    bench.symlink('to-file', 'a/file');
    bench.symlink('link', 'real');
    bench.other('pipe');
    expect(
      await outcomes(
        'a/file',
        'a/file',
        'missing',
        '../a',
        'directory',
        'to-file',
        'link/deep/file',
        'pipe',
        '\ud800',
      ),
    ).toEqual([
      'failed ../a',
      'removed a/file',
      'failed directory',
      'failed link/deep/file',
      'absent missing',
      'failed pipe',
      'failed to-file',
      'failed \ud800',
    ]);
    expect(bench.left()).toEqual(['directory/', 'link', 'pipe', 'real/deep/file', 'to-file']);
    expect(await outcomes('a/file')).toEqual(['absent a/file']);
  });

  it('tells of a directory that stays since something else is in it, and of no other', async () => {
    for (const directory of ['left/', 'gone/']) bench.put(`${directory}data`, 'x');
    bench.put('left/data.1.tmp', 'x');
    bench.put('above/one/data', 'x');
    bench.put('above/two/data', 'x');
    const { answers, occupied } = await removed(threads, ['left/data', 'gone/data', 'above/one/data']);
    expect(answers.map(({ outcome }) => outcome)).toEqual(['removed', 'removed', 'removed']);
    expect(occupied).toEqual(['left/']);
    expect(bench.left()).toEqual(['above/two/data', 'left/data.1.tmp']);
  });

  it('takes no directories: that is no work for threads', async () => {
    bench.mkdir('a/');
    await expect(removed(threads, ['a/'])).rejects.toThrow('a directory is not removed by threads: a/');
    expect(bench.left()).toEqual(['a/']);
  });

  it('answers what cannot be removed with the reason, and goes on with the rest', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `${i % 2 === 0 ? 'locked' : 'open'}/${i}/file`);
    for (const key of keys) bench.put(key, 'x');
    for (const key of ['.', '..', 'open', ...keys.map((one) => join(one, '..'))])
      chmodSync(join(bench.root, key), 0o777);
    chmodSync(join(bench.root, 'locked'), 0o000);
    const { answers } = await asNobody(() => removed(threads, keys));
    chmodSync(join(bench.root, 'locked'), 0o755);
    expect(answers).toHaveLength(300);
    for (const { key, outcome, reason } of answers) {
      expect(outcome).toBe(key.startsWith('locked') ? 'failed' : 'removed');
      expect(reason ?? 'EACCES').toContain('EACCES');
    }
    expect(bench.left()).toEqual(keys.filter((key) => key.startsWith('locked')).sort());
  });

  it('tells of a parent that cannot go though nothing is in it, beside the answer', async () => {
    bench.put('a/b/file', 'x');
    chmodSync(join(bench.root, '..'), 0o755);
    chmodSync(join(bench.root, 'a/b'), 0o777);
    const { answers } = await asNobody(() => removed(threads, ['a/b/file']));
    expect(answers).toEqual([
      { key: 'a/b/', outcome: 'failed', reason: expect.stringContaining('EACCES') },
      { key: 'a/b/file', outcome: 'removed' },
    ]);
  });

  /** Runs `work` as a user who is not root; threads are of the same user. */
  async function asNobody<T>(work: () => Promise<T>): Promise<T> {
    // They have read by then what they need to begin.
    await removed(threads, ['missing']);
    if (process.geteuid?.() !== 0) return work();
    process.seteuid?.(65_534);
    try {
      return await work();
    } finally {
      process.seteuid?.(0);
    }
  }

  it('takes several batches at once', async () => {
    const batches = Array.from({ length: 5 }, (_, batch) =>
      Array.from({ length: 300 }, (_, i) => `b${batch}/${i}/file`),
    );
    for (const key of batches.flat()) bench.put(key, 'x');
    const heard = await Promise.all(batches.map((keys) => removed(threads, keys)));
    for (const [batch, { answers }] of heard.entries())
      expect(answers.map(({ key }) => key)).toEqual(batches[batch]?.toSorted());
    expect(bench.left()).toEqual([]);
  });

  it('fails when another directory lies where the root was', async () => {
    bench.put('file', 'x');
    const aside = join(bench.root, '../aside');
    renameSync(bench.root, aside);
    mkdirSync(bench.root);
    writeFileSync(join(bench.root, 'file'), 'innocent');
    await expect(removed(threads, ['file'])).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(bench.left()).toEqual(['file']);
    removeTree(aside);
  });

  it('does nothing when asked for nothing', async () => {
    expect(await removed(threads, [])).toEqual({ answers: [], occupied: [] });
  });

  describe('leave', () => {
    /** Threads that have begun, and would remove something at once. */
    async function started(by: Permit): Promise<ParallelRemoval> {
      const made = openParallel(new Root(bench.root), by);
      expect((await removed(made, ['missing'])).answers).toEqual([{ key: 'missing', outcome: 'absent' }]);
      return made;
    }

    it('is waited for, as long as nobody gives or takes it', async () => {
      const without = { memory: permitMemory(), check: () => {} };
      const waiting = await started(without);
      bench.put('a/file', 'x');
      let ended = false;
      const removing = removed(waiting, ['a/file']).finally(() => {
        ended = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect([ended, bench.left()]).toEqual([false, ['a/file']]);
      renew(without.memory, moment(), hour);
      expect((await removing).answers).toEqual([{ key: 'a/file', outcome: 'removed' }]);
      await waiting.close();
    });

    it.each([
      ['the monotonic clock', () => ({ monotonic: moment().monotonic - 200 })],
      ['the wall clock', () => ({ wall: Date.now() - 200 })],
      ['a wall clock that was set back', () => ({ wall: Date.now() + hour })],
    ])('does not count once it is old by %s', async (_which, longAgo) => {
      const memory = permitMemory();
      const old = longAgo();
      // The other clock says that it is good for a while.
      const give = (): void => renew(memory, { ...moment(), ...old }, 100);
      give();
      const refreshed = setInterval(give, 10);
      const waiting = await started({ memory, check: () => {} });
      bench.put('a/file', 'x');
      const removing = removed(waiting, ['a/file']);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(bench.left()).toEqual(['a/file']);
      clearInterval(refreshed);
      renew(memory, moment(), hour);
      await removing;
      expect(bench.left()).toEqual([]);
      await waiting.close();
    });

    it('is asked for before every single removal, not once for many', async () => {
      const keys = Array.from({ length: 256 }, (_, i) => `${i}/file`);
      for (const key of keys) bench.put(key, 'x');
      const files = (): number => bench.left().filter((key) => key.endsWith('file')).length;
      const memory = permitMemory();
      const waiting = await started({ memory, check: () => {} });
      const removing = removed(waiting, keys);
      // Leave for so short a time that nobody gets through: how far one came is seen before it is given again.
      for (let given = 0; files() === 256 && given < 1_000; given++) {
        renew(memory, moment(), 1);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(files()).toBeLessThan(256);
      expect(files()).toBeGreaterThan(0);
      renew(memory, moment(), hour);
      expect((await removing).answers).toHaveLength(256);
      expect(files()).toBe(0);
      await waiting.close();
    });

    it('that is taken back ends the call of one who waits for it, and is not given again', async () => {
      const memory = permitMemory();
      const check = (): void => {
        if (isRevoked(memory)) throw new Error('the lock is lost');
      };
      const waiting = await started({ memory, check });
      bench.put('a/file', 'x');
      const removing = removed(waiting, ['a/file']);
      await new Promise((resolve) => setTimeout(resolve, 100));
      revoke(memory);
      renew(memory, moment(), hour);
      await expect(removing).rejects.toThrow('the lock is lost');
      expect(bench.left()).toEqual(['a/file']);
      await waiting.close();
    });

    it('that is taken back ends the call, with the reason; all that went by then is told, and nothing goes after it', async () => {
      const keys = Array.from({ length: 2_000 }, (_, i) => `d${i % 40}/${i}/file`);
      for (const key of keys) bench.put(key, 'x');
      const told: Removed[] = [];
      const removing = threads.remove(keys, (answer) => {
        if (told.push(answer) === 300) permit.take(new Error('the lock is lost'));
      });
      await expect(removing).rejects.toThrow('the lock is lost');
      const left = bench.left().filter((key) => key.endsWith('file'));
      expect(left.length).toBeGreaterThan(300);
      expect(new Set(told.map(({ outcome }) => outcome))).toEqual(new Set(['removed']));
      expect([...told.map(({ key }) => key), ...left].sort()).toEqual(keys.toSorted());
      await expect(removed(threads, left)).rejects.toThrow('the lock is lost');
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(bench.left().filter((key) => key.endsWith('file'))).toEqual(left);
    });

    it('is taken back when the threads are closed in the middle', async () => {
      const keys = Array.from({ length: 2_000 }, (_, i) => `${i}/file`);
      for (const key of keys) bench.put(key, 'x');
      const told: string[] = [];
      let closing: Promise<void> | undefined;
      const removing = threads.remove(keys, ({ key }) => {
        if (told.push(key) === 300) closing = threads.close();
      });
      await expect(removing).rejects.toThrow();
      await closing;
      const left = bench.left().filter((key) => key.endsWith('file'));
      expect(left.length).toBeGreaterThan(0);
      expect([...told, ...left].sort()).toEqual(keys.toSorted());
    });
  });

  it('a thread that dies fails the call, with all that it and the others did told, and nothing goes after it', async () => {
    const keys = Array.from({ length: 2_000 }, (_, i) => `d${i % 40}/${i}/file`);
    for (const key of keys) bench.put(key, 'x');
    const told: string[] = [];
    const made: Worker[] = [];
    const kill = (worker: Worker): void => void made.push(worker);
    // The bench's own have been told of by then.
    await new Promise(setImmediate);
    process.on('worker', kill);
    const dying = openParallel(new Root(bench.root), leave());
    await new Promise(setImmediate);
    process.off('worker', kill);
    const removing = dying.remove(keys, ({ key }) => {
      if (told.push(key) === 300) void made[0]?.terminate();
    });
    await expect(removing).rejects.toMatchObject({ code: 'THREAD_ENDED', exitCode: 1 });
    const left = bench.left().filter((key) => key.endsWith('file'));
    expect(made.length).toBeGreaterThan(1);
    expect(left.length).toBeGreaterThan(0);
    expect([...told, ...left].sort()).toEqual(keys.toSorted());
    await expect(removed(dying, left)).rejects.toMatchObject({ code: 'THREAD_ENDED' });
    await dying.close();
    expect(bench.left().filter((key) => key.endsWith('file'))).toEqual(left);
  });
});

/** A random tree, and keys of files to be removed from it: what is there, what is not, what is something else. */
const names = fc.constantFrom('a', 'b', 'c', '_layers', 'data');
const path = fc.array(names, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const scenario = fc.record({
  files: fc.array(path, { maxLength: 12 }),
  directories: fc.array(path, { maxLength: 4 }),
  links: fc.array(path, { maxLength: 3 }),
  keys: fc.array(path, { maxLength: 20 }),
});

it('answers and leaves the same as `remove`, in random trees', async () => {
  const bench = filesystemBench();
  const threads = openParallel(new Root(bench.root), leave());
  let trees = 0;
  /** What is heard and left, as if the tree were all that there is. */
  const within = (prefix: string, { answers, occupied }: Heard): unknown => {
    const bare = (text: string): string => text.replaceAll(prefix, '');
    return {
      answers: answers.map(({ key, outcome, reason }) => [bare(key), outcome, bare(reason ?? '')]),
      occupied: occupied.map(bare),
      left: bench
        .left()
        .filter((key) => key.startsWith(prefix))
        .map(bare),
    };
  };
  const property = fc.asyncProperty(scenario, async ({ keys, ...tree }) => {
    const [one, other] = [`tags/${trees++}/`, `tags/${trees++}/`] as const;
    for (const prefix of [one, other]) lay(join(bench.root, prefix), tree);
    const answers: Removed[] = [];
    const occupied: string[] = [];
    await openFilesystem(bench.root).remove(
      [...new Set(keys)].map((key) => one + key),
      undefined,
      (answer) => answers.push(answer),
      (directory) => occupied.push(directory),
    );
    const expected = within(one, { answers: byKey(answers), occupied: occupied.sort() });
    const heard = within(
      other,
      await removed(
        threads,
        keys.map((key) => other + key),
      ),
    );
    expect(heard).toEqual(expected);
    for (const prefix of [one, other]) rmSync(join(bench.root, prefix), { recursive: true, force: true });
  });
  try {
    // A failure is reported with the seed and path that repeat it.
    await fc.assert(property, { numRuns: 60 });
  } finally {
    await threads.close();
    bench.dispose();
  }
});

/** Lays what can be laid: what lies in the way of something voids it. */
function lay(root: string, tree: Record<'files' | 'directories' | 'links', readonly string[]>): void {
  for (const [kind, keys] of Object.entries(tree)) {
    for (const key of keys) {
      try {
        const where = join(root, key);
        if (existsSync(where)) continue;
        mkdirSync(join(where, '..'), { recursive: true });
        if (kind === 'directories') mkdirSync(where);
        else if (kind === 'links') symlinkSync('.', where);
        else writeFileSync(where, 'x');
      } catch (error) {
        if (!['EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
  }
}
