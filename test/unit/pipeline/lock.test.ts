import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { problem } from '../../../src/errors.ts';
import { openJournal } from '../../../src/pipeline/journal.ts';
import { type Held, type LockOptions, takeLock } from '../../../src/pipeline/lock.ts';
import { type Owner, parseOwner, selfAsOwner } from '../../../src/pipeline/owner.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import type { State } from '../../../src/storage/storage.ts';
import { faultyState } from '../../support/faulty-storage.ts';
import { temporaryDirectory } from '../../support/program.ts';

/** A beat now and then; dead after ten. */
const swift = { beatEvery: 20, stillFor: 200, lookEvery: 10 };
/** Next to no beat. */
const calm = { ...swift, beatEvery: 60_000 };
const quiet = new AbortController().signal;

let directory: ReturnType<typeof temporaryDirectory>;
let state: State;
const taken: Held[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
  state = filesystemState(directory.path);
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const held of taken.splice(0)) await held.release();
  directory[Symbol.dispose]();
});

async function take(run: string, options: Partial<LockOptions> = {}): Promise<Held> {
  const held = await takeLock({
    state,
    run,
    signal: quiet,
    recover: async () => {},
    times: swift,
    ...options,
  });
  taken.push(held);
  return held;
}

/** Asks `state()` at each call, since it is another one for each test. */
function delegate(state: () => State): State {
  return {
    locate: (key) => state().locate(key),
    createExclusive: (key, text) => state().createExclusive(key, text),
    replaceIf: (key, expected, text) => state().replaceIf(key, expected, text),
    append: (key, line) => state().append(key, line),
    read: (key) => state().read(key),
    list: (prefix) => state().list(prefix),
    remove: (key) => state().remove(key),
    prepare: () => state().prepare(),
  };
}

async function lockedBy(owner: Partial<Owner>): Promise<Owner> {
  const whole = { ...selfAsOwner('other'), ...owner };
  await state.createExclusive('lock', JSON.stringify(whole));
  return whole;
}

/** What the lock says. */
function lock(): Owner | undefined {
  return parseOwner(readFileSync(join(directory.path, 'lock'), 'utf8'));
}

/** Sets a clock, until the end of the test. */
function set(clock: 'monotonic' | 'wall', by: number): void {
  if (clock === 'wall') {
    const real = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => real() + by);
  } else {
    const real = process.hrtime.bigint.bind(process.hrtime);
    vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => real() + BigInt(by) * 1_000_000n);
  }
}

/** Beats for the owner until stopped: then no beat is under way. */
function beating(owner: Owner): AsyncDisposable {
  const stopped = new AbortController();
  const { signal } = stopped;
  const whole = (async () => {
    let text = JSON.stringify(owner);
    for (let beat = 1; !signal.aborted; beat++) {
      const next = JSON.stringify({ ...owner, beat });
      // One after the other: each replaces the one before.
      await state.replaceIf('lock', text, next);
      text = next;
      await sleep(swift.beatEvery, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await whole;
    },
  };
}

async function deadPid(): Promise<number> {
  const child = spawn('true');
  const { pid = 0 } = child;
  await once(child, 'exit');
  return pid;
}

describe('one run at a time', () => {
  it.each(['createExclusive', 'read'] as const)(
    'a lock is given back where taking it fails after it was written (%s)',
    async (failing) => {
      let failed = false;
      const failOnce = <T>(value: T): T => {
        if (failed) return value;
        failed = true;
        throw new Error('thrown on purpose');
      };
      const faulty: State = {
        ...delegate(() => state),
        [failing]: async (key: string, text: string) => failOnce(await state[failing](key, text)),
      };
      await expect(take('me', { state: faulty })).rejects.toThrow('thrown on purpose');
      expect(await state.read('lock')).toBeUndefined();
    },
  );

  it('the lock of another is not given back where taking it fails', async () => {
    const { run } = await lockedBy({});
    await expect(take('me')).rejects.toMatchObject({ code: 'LOCK_HELD' });
    expect(lock()?.run).toBe(run);
  });

  it('a second one is told at once who holds the lock and where it is, and changes nothing', async () => {
    await take('first', { times: { ...swift, beatEvery: 60_000 } });
    const before = readFileSync(join(directory.path, 'lock'), 'utf8');
    await expect(take('second')).rejects.toMatchObject({
      code: 'LOCK_HELD',
      exitCode: 4,
      message: expect.stringContaining(`run first (pid ${process.pid} on `),
      hint: expect.stringContaining(join(directory.path, 'lock')),
    });
    expect(readFileSync(join(directory.path, 'lock'), 'utf8')).toBe(before);
  });

  it('of many at once, one gets it', async () => {
    const all = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => take(`run-${i}`)));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('of many at once, one takes over from a dead run, and recovers once', async () => {
    await lockedBy({ pid: await deadPid() });
    let recovered = 0;
    const recover = async () => {
      recovered += 1;
    };
    const all = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => take(`run-${i}`, { recover })));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(recovered).toBe(1);
  });

  it('after the first has ended, the next gets it', async () => {
    const first = await take('first');
    await first.release();
    await first.release();
    await take('second');
    expect(lock()).toMatchObject({ run: 'second' });
  });

  it('tells the storage’s time at which it was taken', async () => {
    const held = await take('one', { times: { ...swift, beatEvery: 60_000 } });
    expect(held.takenAt).toBe((await state.read('lock'))?.modified);
  });
});

describe('holding it', () => {
  it('tells the storage’s time now, by a file that it writes for that', async () => {
    const held = await take('one', { times: { ...swift, beatEvery: 60_000 } });
    await sleep(20);
    await state.createExclusive('mark', '');
    const mark = (await state.read('mark'))?.modified ?? Number.NaN;
    expect(mark).toBeGreaterThan(held.takenAt);
    expect(await held.now()).toBeGreaterThanOrEqual(mark);
    await held.check();
  });

  it('the heart beats', async () => {
    const held = await take('one');
    await vi.waitFor(() => expect(lock()?.beat).toBeGreaterThan(3));
    expect(lock()).toMatchObject({ run: 'one', pid: process.pid });
    await held.check();
  });

  it('does not keep the process alive, and a dead process does not keep the lock', async () => {
    const src = (path: string) => JSON.stringify(resolve(import.meta.dirname, '../../../src', path));
    const program = `
      import { takeLock } from ${src('pipeline/lock.ts')};
      import { filesystemState } from ${src('storage/state.ts')};
      const state = filesystemState(${JSON.stringify(directory.path)});
      await takeLock({ state, run: 'dead', signal: new AbortController().signal, recover: async () => {} });`;
    execFileSync(process.execPath, ['--input-type=module', '--eval', program], { timeout: 20_000 });
    expect(lock()).toMatchObject({ run: 'dead' });
    await take('next');
    expect(lock()).toMatchObject({ run: 'next' });
  });

  describe('on a disk without room', () => {
    const times = { beatEvery: 20, stillFor: 2_000, lookEvery: 10 };
    const patience = { timeout: 20_000 };
    let full = true;
    const filling: State = {
      ...delegate(() => state),
      replaceIf: (key, expected, text) =>
        full
          ? Promise.reject(problem('STORAGE_FAILED', { deed: 'replace', path: '/lock', reason: 'ENOSPC' }))
          : state.replaceIf(key, expected, text),
    };
    beforeEach(() => {
      full = true;
    });

    it('the run goes on as long as nobody can take it for dead, and not longer', async () => {
      const held = await take('one', { state: filling, times });
      await sleep(3 * times.beatEvery);
      await held.check();
      const late = { code: 'HEARTBEAT_LATE', exitCode: 1, message: expect.stringContaining('ENOSPC') };
      await vi.waitFor(() => expect(held.check()).rejects.toMatchObject(late), patience);
      await sleep(150); // no look counts for so long
      await expect(held.stillOurs()).rejects.toMatchObject(late);
      expect(lock()?.beat).toBe(0);
      expect(await held.takenOver()).toBe(false);
    });

    it('the run goes on once there is room again', async () => {
      const held = await take('one', { state: filling, times });
      await vi.waitFor(
        () => expect(held.check()).rejects.toMatchObject({ code: 'HEARTBEAT_LATE' }),
        patience,
      );
      full = false;
      await held.check();
      expect(lock()?.beat).toBeGreaterThan(0);
    });

    it('no time is told, rather than one that has passed', async () => {
      const held = await take('one', { state: filling, times });
      await expect(held.now()).rejects.toMatchObject({ code: 'HEARTBEAT_LATE' });
      full = false;
      expect(await held.now()).toBe((await state.read('lock'))?.modified);
    });
  });

  it('a disk that hangs ends the run before it deletes more, and without waiting for it', async () => {
    const hanging = { ...delegate(() => state), replaceIf: () => new Promise<boolean>(() => {}) };
    const held = await takeLock({
      state: hanging,
      run: 'one',
      signal: quiet,
      recover: async () => {},
      times: swift,
    });
    await vi.waitFor(() => expect(held.check()).rejects.toMatchObject({ code: 'HEARTBEAT_LATE' }));
    await expect(held.now()).rejects.toMatchObject({ code: 'HEARTBEAT_LATE' });
  });

  it('a beat that failed after it was written does not count as somebody else’s', async () => {
    let failed = 0;
    const flaky: State = {
      ...state,
      async replaceIf(key, expected, text) {
        const replaced = await state.replaceIf(key, expected, text);
        if (failed++ === 0) throw new Error('EIO');
        return replaced;
      },
    };
    const held = await take('one', { state: flaky });
    await vi.waitFor(() => expect(lock()?.beat).toBeGreaterThan(3));
    await held.check();
  });

  it('is over for good when another run has taken over, and its lock is left alone', async () => {
    const held = await take('one');
    expect(await held.takenOver()).toBe(false);
    await vi.waitFor(async () => {
      const now = await state.read('lock');
      const other = JSON.stringify(selfAsOwner('two'));
      expect(now !== undefined && (await state.replaceIf('lock', now.text, other))).toBe(true);
    });
    await expect(held.check()).rejects.toMatchObject({ code: 'LOCK_LOST', exitCode: 5 });
    expect(await held.takenOver()).toBe(true);
    await sleep(3 * swift.beatEvery);
    expect(lock()).toMatchObject({ run: 'two', beat: 0 });
    await held.release();
    expect(lock()).toMatchObject({ run: 'two' });
    await state.remove('lock');
    await expect(held.check()).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('is over when somebody removed the lock, though nobody has taken over', async () => {
    const held = await take('one');
    await state.remove('lock');
    await expect(held.check()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(await held.takenOver()).toBe(false);
    await held.release();
  });
});

describe('whether another run has taken over', () => {
  const silent = (): State => ({
    ...delegate(() => state),
    replaceIf: (key, expected, text) =>
      expected.includes('"one"') && text.includes('"one"')
        ? Promise.reject(new Error('EIO'))
        : state.replaceIf(key, expected, text),
  });

  async function takenOverAndEnded(): Promise<void> {
    const now = await state.read('lock');
    expect(await state.replaceIf('lock', now?.text ?? '', JSON.stringify(selfAsOwner('two')))).toBe(true);
    await state.remove('lock');
  }

  it('is known after that one has ended, too: it has recovered our journal', async () => {
    const held = await take('one', { state: silent() });
    await sleep(4 * swift.beatEvery);
    await takenOverAndEnded();
    await expect(held.check()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(await held.takenOver()).toBe(true);
  });

  it('is not believed while our journal is still open', async () => {
    const held = await take('one', { state: silent() });
    const journal = await openJournal(state, 'one');
    await journal.deed('stop', { kind: 'test' });
    await sleep(4 * swift.beatEvery);
    await takenOverAndEnded();
    expect(await held.takenOver()).toBe(false);
  });

  it('is not believed of a lock that is gone while its heart beat for all to see', async () => {
    const held = await take('one', { times: { ...swift, beatEvery: 2_000, stillFor: 20_000 } });
    await state.remove('lock');
    expect(await held.takenOver()).toBe(false);
    set('monotonic', 3_600_000);
    expect(await held.takenOver()).toBe(false);
  });

  it('is not known where nobody can read the lock', async () => {
    const held = await take('one', {
      state: faultyState(state, { method: 'read', nth: 2, errno: 'EIO' }),
      times: calm,
    });
    expect(await held.takenOver()).toBe(false);
  });
});

describe('clocks', () => {
  it.each([3_600_000, -3_600_000])('that are set by %d ms change nothing', async (by) => {
    const held = await take('one', { times: { ...swift, stillFor: 20_000 } });
    set('wall', by);
    await held.check();
    await held.stillOurs();
    await held.now();
    await expect(take('two')).rejects.toMatchObject({ code: 'LOCK_HELD' });
    await held.check();
    expect(await held.takenOver()).toBe(false);
  });

  it('of an owner elsewhere are never compared with ours', async () => {
    for (const at of ['1970-01-01T00:00:00.000Z', '2100-01-01T00:00:00.000Z']) {
      const owner = await lockedBy({ boot: 'another', at });
      await using _beating = beating(owner);
      await expect(take('two')).rejects.toMatchObject({ code: 'LOCK_HELD' });
      await state.remove('lock');
    }
  });

  it('a look at the lock counts for a moment, by both of them: a machine that slept looks again', async () => {
    let reads = 0;
    const counting: State = {
      ...delegate(() => state),
      read: (key) => {
        reads += 1;
        return state.read(key);
      },
    };
    const held = await take('one', { state: counting, times: calm });
    await held.check();
    reads = 0;
    for (let removal = 0; removal < 100; removal++) await held.stillOurs();
    expect(reads).toBeLessThan(10);
    for (const clock of ['wall', 'monotonic'] as const) {
      reads = 0;
      set(clock, 1_000);
      await held.stillOurs();
      expect(reads).toBeGreaterThan(0);
    }
  });

  it('that jump by hours, as over a sleep, are no reason to delete on before others were shown a beat', async () => {
    const held = await take('one', { times: { ...calm, stillFor: 20_000 } });
    expect(lock()?.beat).toBe(0);
    set('wall', 3_600_000);
    await held.stillOurs();
    expect(lock()?.beat).toBe(1);
  });
});

describe('waiting for another run', () => {
  it('ends with who it is when it lives for longer', async () => {
    await take('first', { times: calm });
    const waited: string[] = [];
    const onWait = (owner: string) => waited.push(owner);
    const second = take('second', { waitFor: 100, onWait });
    await expect(second).rejects.toMatchObject({ code: 'LOCK_HELD', exitCode: 4 });
    expect(waited.length).toBeGreaterThan(1);
    expect(waited[0]).toContain('run first (pid');
  });

  it('ends as soon as that one has given the lock back; what was seen before is known to be stale', async () => {
    const first = await take('first');
    expect(first.contended).toBe(false);
    let recovered = 0;
    const second = take('second', {
      waitFor: 60_000,
      recover: async () => {
        recovered += 1;
      },
    });
    await sleep(5 * swift.lookEvery);
    await first.release();
    expect(await second).toMatchObject({ run: 'second', contended: true });
    expect([lock()?.run, recovered]).toEqual(['second', 1]);
  });

  it('takes over from one elsewhere that dies meanwhile', async () => {
    const owner = await lockedBy({ boot: 'another', host: 'far' });
    const beats = beating(owner);
    const second = take('second', { waitFor: 60_000, times: { ...swift, stillFor: 2_500 } });
    await sleep(3_000);
    expect(lock()?.run).toBe('other');
    await beats[Symbol.asyncDispose]();
    await second;
    expect(lock()?.run).toBe('second');
  });

  it('ends at once on an interruption', async () => {
    await take('first', { times: calm });
    const interruption = new AbortController();
    const reason = problem('INTERRUPTED', { signal: 'SIGINT' });
    const onWait = () => interruption.abort(reason);
    const times = { ...swift, lookEvery: 60_000 };
    const second = take('second', { waitFor: 3_600_000, signal: interruption.signal, times, onWait });
    await expect(second).rejects.toBe(reason);
  });
});

it('of two that compared at the same moment, the one that replaced first finds out before it begins', async () => {
  await lockedBy({ pid: await deadPid() });
  const other = JSON.stringify(selfAsOwner('other'));
  const raced: State = {
    ...delegate(() => state),
    async replaceIf(key, expected, text) {
      const replaced = await state.replaceIf(key, expected, text);
      setTimeout(() => void state.replaceIf(key, text, other), 10);
      return replaced;
    },
  };
  const recover = async () => expect.fail('it has not got the lock');
  const times = { ...swift, lookEvery: 100 };
  await expect(take('one', { state: raced, recover, times })).rejects.toMatchObject({
    code: 'LOCK_HELD',
    message: expect.stringContaining('run other'),
  });
});

describe('recovery', () => {
  it('comes first, with the lock held', async () => {
    await lockedBy({ pid: await deadPid() });
    let during: Owner | undefined;
    await take('next', {
      recover: async () => {
        during = lock();
      },
    });
    expect(during).toMatchObject({ run: 'next' });
  });

  it('comes first also when no lock was left: a run that could not restore has given it back', async () => {
    let recovered = false;
    await take('next', {
      recover: async () => {
        recovered = true;
      },
    });
    expect(recovered).toBe(true);
  });

  it('that fails is told, even when the lock cannot be given back; the next run tries again', async () => {
    const closed = problem('NOT_RESTORED', { reasons: [], command: 'start it' });
    const recover = () => Promise.reject(closed);
    await expect(take('one', { recover })).rejects.toBe(closed);
    expect(await state.list('')).toEqual([]);
    const stuck = faultyState(state, { method: 'remove', nth: 1, errno: 'EIO' });
    await expect(take('two', { state: stuck, recover })).rejects.toBe(closed);
  });
});

describe('an owner that cannot be seen from here', () => {
  const elsewhere = { boot: 'another', host: 'far' };

  it('lives as long as its heart beats', async () => {
    await using _beating = beating(await lockedBy(elsewhere));
    const watched: string[] = [];
    const onWatch = (owner: string) => watched.push(owner);
    await expect(take('two', { onWatch })).rejects.toMatchObject({
      code: 'LOCK_HELD',
      message: expect.stringContaining('run other'),
    });
    expect(watched).toEqual([expect.stringContaining('on far')]);
  });

  it('is dead once its heart was seen to stand still', async () => {
    await lockedBy(elsewhere);
    const started = performance.now();
    await take('two');
    // Twenty looks of ten milliseconds, each at least almost that long.
    expect(performance.now() - started).toBeGreaterThan(swift.stillFor * 0.8);
    expect(lock()).toMatchObject({ run: 'two' });
  });

  it('may give the lock back meanwhile', async () => {
    await lockedBy(elsewhere);
    setTimeout(() => void state.remove('lock'), 3 * swift.lookEvery);
    const never = { ...swift, stillFor: 60_000 };
    await take('two', { times: never });
    expect(lock()).toMatchObject({ run: 'two' });
  });

  it('is watched no longer than until an interruption', async () => {
    const owner = await lockedBy(elsewhere);
    const interruption = new AbortController();
    const reason = problem('INTERRUPTED', { signal: 'SIGTERM' });
    const never = { ...swift, stillFor: 60_000 };
    const onWatch = () => void setTimeout(() => interruption.abort(reason), 20);
    await expect(take('two', { signal: interruption.signal, times: never, onWatch })).rejects.toBe(reason);
    expect(lock()).toEqual(owner);
  });

  describe('in a container', () => {
    const container = 'c0ffee'.padEnd(64, '0');
    const never = { ...swift, stillFor: 60_000 };

    it('is dead after three beats that do not come when the container is not running', async () => {
      await lockedBy({ ...elsewhere, container });
      const asked: string[] = [];
      const isRunning = async (id: string) => {
        asked.push(id);
        return false;
      };
      await take('two', { isRunning, times: never });
      expect(asked).toEqual([container]);
      expect(lock()).toMatchObject({ run: 'two' });
    });

    it('lives while its heart beats, though the container that it named is not running', async () => {
      await using _beating = beating(await lockedBy({ ...elsewhere, container }));
      const isRunning = async () => false;
      await expect(take('two', { isRunning, times: never })).rejects.toMatchObject({ code: 'LOCK_HELD' });
    });

    it.each([true, undefined])('is judged by its heart when the engine says %s', async (running) => {
      const isRunning = async () => running;
      await (async () => {
        await using _beating = beating(await lockedBy({ ...elsewhere, container }));
        await expect(take('two', { isRunning, times: never })).rejects.toMatchObject({ code: 'LOCK_HELD' });
      })();
      await take('two', { isRunning });
      expect(lock()).toMatchObject({ run: 'two' });
    });

    it('lives when its process is seen here, whatever the engine would say', async () => {
      await lockedBy({ container });
      const isRunning = async () => false;
      await expect(take('two', { isRunning })).rejects.toMatchObject({ code: 'LOCK_HELD' });
    });

    it('is not asked for where the lock names none', async () => {
      await lockedBy(elsewhere);
      await take('two', { isRunning: () => expect.fail('there is none') });
      expect(lock()).toMatchObject({ run: 'two' });
    });
  });

  it('may be one that nobody can read: a lock that another version wrote, or a crash cut off', async () => {
    for (const text of ['', '{"run":"other"']) {
      await state.createExclusive('lock', text);
      const held = await take('two');
      expect(lock()).toMatchObject({ run: 'two' });
      await held.release();
    }
  });
});
