import { setTimeout as sleep } from 'node:timers/promises';
import { fail, problem } from '../errors.ts';
import type { State } from '../storage/storage.ts';
import { describeOwner, lifeOf, type Owner, parseOwner, selfAsOwner } from './owner.ts';

const file = 'lock';

declare const heldBrand: unique symbol;

/** Proof that this run holds the lock. Only `takeLock` makes one; whoever deletes asks for it. */
export interface Held {
  readonly [heldBrand]: true;
  readonly run: string;
  /** The storage's clock when the lock was taken (ms since the epoch): the run's "now". */
  readonly takenAt: number;
  /** The storage's clock now (ms since the epoch), told by a file that is written for it. */
  now(): Promise<number>;
  /** Throws LOCK_LOST when another run has taken over. Asked before every batch of deletions. */
  check(): Promise<void>;
  /** As `check`, but free of charge when it was seen to be ours a moment ago. Asked before every single deletion. */
  stillOurs(): Promise<void>;
  /** Whether another run holds it now. A lock that is gone or cannot be read tells nothing of the kind. */
  takenOver(): Promise<boolean>;
  /** Gives the lock back. Idempotent; leaves one that is no longer ours alone. */
  release(): Promise<void>;
}

/** Waiting times, ms. */
export interface LockTimes {
  readonly beatEvery: number;
  /** An owner elsewhere is dead when its heartbeat was *seen* to stand still for so long: ten beats. */
  readonly stillFor: number;
  readonly lookEvery: number;
}

const usualTimes: LockTimes = { beatEvery: 2_000, stillFor: 20_000, lookEvery: 500 };

export interface LockOptions {
  readonly state: State;
  readonly run: string;
  readonly signal: AbortSignal;
  /** Recovers what an earlier owner left open, dead or not able to restore. Called with the lock held. */
  readonly recover: () => Promise<void>;
  /** Told when another owner has to be watched before it counts as dead. */
  readonly onWatch?: (owner: string) => void;
  /**
   * Asked about the container of an owner that cannot be seen from here. False: it is there and does not run, so three
   * beats that do not come are enough; an owner that shares the network of another container may have named that one by
   * mistake. Undefined, where that cannot be told, and true, since a container is more than one process, leave
   * it to the heartbeat.
   */
  readonly isRunning?: (container: string) => Promise<boolean | undefined>;
  readonly times?: LockTimes;
}

/** Takes the lock, and recovers what an earlier run left open. Throws LOCK_HELD at once when its owner lives. */
export async function takeLock(options: LockOptions): Promise<Held> {
  const { state, run, times = usualTimes } = options;
  const me = selfAsOwner(run);
  const text = JSON.stringify(me);
  if (!(await state.createExclusive(file, text))) await takeOver(options, text);
  const ours = await hold(state, me, text, times.beatEvery);
  try {
    await options.recover();
  } catch (error) {
    // What could not be recovered stays journaled, and the next run tries again. A lock that cannot be given back is
    // taken over from a dead run by then, and a smaller matter than why the registry is not restored.
    await ours.release().catch(() => {});
    throw error;
  }
  return ours;
}

/** Replaces the lock of a dead owner by `text`. */
async function takeOver(options: LockOptions, text: string): Promise<void> {
  const { state } = options;
  const before = await state.read(file);
  const owner = before === undefined ? undefined : parseOwner(before.text);
  const fate = before === undefined ? 'released' : await fateOf(options, before.text, owner);
  if (fate === 'released' && (await state.createExclusive(file, text))) return;
  if (fate === 'dead' && before !== undefined && (await state.replaceIf(file, before.text, text))) return;
  held(state, owner);
}

function held(state: State, owner: Owner | undefined): never {
  return fail('LOCK_HELD', { owner: describeOwner(owner), path: state.locate(file) });
}

async function fateOf(
  { state, signal, onWatch, isRunning, times = usualTimes }: LockOptions,
  text: string,
  owner: Owner | undefined,
): Promise<'alive' | 'dead' | 'released'> {
  const life = owner === undefined ? 'unknown' : lifeOf(owner);
  if (life !== 'unknown') return life;
  const container = owner?.container;
  const gone = container !== undefined && (await isRunning?.(container)) === false;
  const stillFor = gone ? Math.min(3 * times.beatEvery, times.stillFor) : times.stillFor;
  onWatch?.(describeOwner(owner));
  for (let watched = 0; watched < stillFor; watched += times.lookEvery) {
    await sleep(times.lookEvery, undefined, { signal }).catch(() => signal.throwIfAborted());
    const now = await state.read(file);
    if (now?.text !== text) return now === undefined ? 'released' : 'alive';
  }
  return 'dead';
}

async function hold(state: State, me: Owner, first: string, beatEvery: number): Promise<Held> {
  const created = await state.read(file);
  let text = first;
  let beat = 0;
  let lost = false;
  let seen = clocks();
  let beating: Promise<void> = Promise.resolve();
  async function pulse(): Promise<void> {
    const next = JSON.stringify({ ...me, beat: ++beat, at: new Date().toISOString() });
    try {
      if (await state.replaceIf(file, text, next)) {
        text = next;
        return;
      }
      // Ours all the same after a beat that failed half way: written, and not known to be durable.
      const now = await state.read(file);
      if (now !== undefined && parseOwner(now.text)?.run === me.run) text = now.text;
      else lost = true;
    } catch {
      // A full or failing disk: the lock stands as it is, and `check` reads it before anything is deleted.
    }
  }
  const timer = setInterval(() => {
    beating = beating.then(pulse);
  }, beatEvery);
  timer.unref();
  const ours = {
    run: me.run,
    takenAt: created?.modified ?? Date.now(),
    async now(): Promise<number> {
      beating = beating.then(pulse);
      await beating;
      return (await state.read(file))?.modified ?? Date.now();
    },
    async check(): Promise<void> {
      await beating;
      const now = await state.read(file);
      if (lost || now === undefined || parseOwner(now.text)?.run !== me.run) {
        lost = true;
        throw problem('LOCK_LOST', { path: state.locate(file) });
      }
      seen = clocks();
    },
    async stillOurs(): Promise<void> {
      if (!isFresh(seen)) await ours.check();
    },
    async takenOver(): Promise<boolean> {
      const now = await state.read(file).catch(() => undefined);
      const owner = now === undefined ? undefined : parseOwner(now.text);
      return owner !== undefined && owner.run !== me.run;
    },
    async release(): Promise<void> {
      clearInterval(timer);
      await beating;
      const now = await state.read(file);
      if (now !== undefined && parseOwner(now.text)?.run === me.run) await state.remove(file);
    },
  };
  return ours as typeof ours & Held;
}

/** A look at the lock counts for so long, ms: far less than an owner is watched before it is taken for dead. */
const freshFor = 1_000;

interface Clocks {
  readonly monotonic: number;
  readonly wall: number;
}

/** Both: the one stands still while a machine sleeps, the other may be set back. */
function clocks(): Clocks {
  return { monotonic: performance.now(), wall: Date.now() };
}

function isFresh({ monotonic, wall }: Clocks): boolean {
  const now = clocks();
  return now.monotonic - monotonic < freshFor && Math.abs(now.wall - wall) < freshFor;
}
