import { moment, since } from '../clocks.ts';
import { fail, problem } from '../errors.ts';
import { pause } from '../pause.ts';
import type { State } from '../storage/storage.ts';
import { deadAfter, fateOf, type LockTimes, usualTimes, type WatchOptions } from './fate.ts';
import { startHeartbeat } from './heartbeat.ts';
import { openDeeds } from './journal.ts';
import { describeOwner, type Owner, ownerText, parseOwner, selfAsOwner } from './owner.ts';

const file = 'lock';

declare const heldBrand: unique symbol;

/** Proof that this run holds the lock. Only `takeLock` makes one; whoever deletes asks for it. */
export interface Held {
  readonly [heldBrand]: true;
  readonly run: string;
  /** The storage's clock when the lock was taken (ms since the epoch): the run's "now". */
  readonly takenAt: number;
  /** Another run had the lock when this one came: what was looked at before may have changed since. */
  readonly contended: boolean;
  /**
   * The storage's clock now (ms since the epoch), told by a file that is written for it. Throws rather than tell a time
   * that has passed.
   */
  now(): Promise<number>;
  /**
   * Throws LOCK_LOST when another run has taken over, HEARTBEAT_LATE when one may be about to, since the heartbeat
   * cannot be written. Asked before every batch of deletions.
   */
  check(): Promise<void>;
  /** As `check`, but free of charge when it was seen to be ours a moment ago. Asked before every single deletion. */
  stillOurs(): Promise<void>;
  /**
   * Whether another run holds it now, or did and has ended: that one has undone what we did. Not so when it is merely
   * gone, removed by hand say, or cannot be read.
   */
  takenOver(): Promise<boolean>;
  /** Gives the lock back. Idempotent; leaves one that is no longer ours alone. */
  release(): Promise<void>;
}

export interface LockOptions extends WatchOptions {
  readonly state: State;
  readonly run: string;
  readonly signal: AbortSignal;
  /** Recovers what an earlier owner left open, dead or not able to restore. Called with the lock held. */
  readonly recover: (held: Held) => Promise<void>;
  /** For how long an owner that lives is waited for, ms. */
  readonly waitFor?: number;
  /** Told, again and again, while one is waited for. */
  readonly onWait?: (owner: string) => void;
  readonly times?: LockTimes;
}

/**
 * Takes the lock, and recovers what an earlier run left open. Throws LOCK_HELD as soon as its owner is seen to live, or
 * still lives after `waitFor`.
 */
export async function takeLock(options: LockOptions): Promise<Held> {
  const { state, run } = options;
  const me = selfAsOwner(run);
  const ours = await takeAndHold(options, me).catch(async (error: unknown) => {
    // It may be written, and failed only afterwards. What prevents this says nothing that is not said already.
    await giveBack(state, me).catch(() => {});
    throw error;
  });
  try {
    await options.recover(ours);
  } catch (error) {
    // What could not be recovered stays journaled, and the next run tries again. A lock that cannot be given back is
    // taken over from a dead run by then, and a smaller matter than why the registry is not restored.
    await ours.release().catch(() => {});
    throw error;
  }
  return ours;
}

async function takeAndHold(options: LockOptions, me: Owner): Promise<Held> {
  const { state, signal, waitFor = 0, times = usualTimes } = options;
  const text = ownerText(me);
  const began = performance.now();
  const contended = !(await state.createExclusive(file, text));
  let owner = contended ? await take(options, text) : 'taken';
  while (owner !== 'taken') {
    if (performance.now() - began >= waitFor)
      fail('LOCK_HELD', { owner: describeOwner(owner), path: state.locate(file) });
    options.onWait?.(describeOwner(owner));
    await pause(times.lookEvery, signal);
    owner = await take(options, text);
  }
  return hold(state, me, text, { times, contended });
}

/** Removes the lock if it is ours. */
async function giveBack(state: State, me: Owner): Promise<void> {
  const now = await state.read(file);
  if (now !== undefined && parseOwner(now.text)?.run === me.run) await state.remove(file);
}

/** So often the lock may be given back, or taken by somebody else, right under our eyes. */
const attempts = 5;

/** Takes a lock that is free, or whose owner is dead. Otherwise tells who has it; undefined: nobody can say. */
async function take(options: LockOptions, text: string): Promise<'taken' | Owner | undefined> {
  const { state, signal, times = usualTimes } = options;
  let owner: Owner | undefined;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await state.createExclusive(file, text)) return 'taken';
    const before = await state.read(file);
    if (before === undefined) continue;
    owner = parseOwner(before.text);
    const fate = await fateOf({ ...options, file, times }, before.text, owner);
    if (fate === 'alive') return owner;
    if (fate === 'released' || !(await state.replaceIf(file, before.text, text))) continue;
    // Whoever compared in the moment before us replaces it in this one, and has it then (see storage/state.ts).
    await pause(times.lookEvery / 2, signal);
    if ((await state.read(file))?.text === text) return 'taken';
  }
  return owner;
}

/**
 * A look at the lock counts for so long, ms. A machine may be paused with all its clocks, and go on as if nothing had
 * been: what it deletes then before it looks again is all that is left of that.
 */
const freshFor = 100;

async function hold(
  state: State,
  me: Owner,
  first: string,
  { times, contended }: { readonly times: LockTimes; readonly contended: boolean },
): Promise<Held> {
  const path = state.locate(file);
  const lost = () => problem('LOCK_LOST', { path });
  const taken = await state.read(file);
  if (taken === undefined) throw lost();
  const heart = startHeartbeat(state, { file, me, first }, times.beatEvery);
  let seen = moment();
  const late = () =>
    problem('HEARTBEAT_LATE', {
      path,
      seconds: heart.silence() / 1_000,
      reason: heart.trouble ?? 'the disk takes too long',
    });
  /** After half of the time for which others watch before they take us for dead; the rest is for what is under way. */
  const isLate = (): boolean => heart.silence() > times.stillFor / 2;
  const ours = {
    run: me.run,
    takenAt: taken.modified,
    contended,
    async now(): Promise<number> {
      const written = await heart.beat(times.stillFor / 2);
      const now = await state.read(file);
      if (!(await heart.look()) || now === undefined) throw lost();
      if (!written) throw late();
      return now.modified;
    },
    async check(): Promise<void> {
      const began = moment();
      if (!(await heart.look())) throw lost();
      if (isLate()) {
        await heart.beat(times.stillFor / 4);
        if (!(await heart.look())) throw lost();
        if (isLate()) throw late();
      }
      seen = began;
    },
    async stillOurs(): Promise<void> {
      if (since(seen) >= freshFor) await ours.check();
    },
    async takenOver(): Promise<boolean> {
      try {
        const now = await state.read(file);
        if (now !== undefined) return (parseOwner(now.text)?.run ?? me.run) !== me.run;
        // Gone while we were silent for so long that others could take us for dead, and our journal recovered.
        await heart.look();
        if (heart.silence() < deadAfter(times, true)) return false;
        return !(await openDeeds(state)).some(({ run }) => run === me.run);
      } catch {
        return false;
      }
    },
    async release(): Promise<void> {
      await heart.stop();
      await giveBack(state, me);
    },
  };
  return ours as typeof ours & Held;
}
