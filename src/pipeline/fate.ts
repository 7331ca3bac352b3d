import { pause } from '../pause.ts';
import type { State } from '../storage/storage.ts';
import { describeOwner, lifeOf, type Owner } from './owner.ts';

/** Waiting times, ms. */
export interface LockTimes {
  readonly beatEvery: number;
  /** An owner elsewhere is dead when its heartbeat was *seen* to stand still for so long: ten beats. */
  readonly stillFor: number;
  readonly lookEvery: number;
}

export const usualTimes: LockTimes = { beatEvery: 2_000, stillFor: 20_000, lookEvery: 500 };

/** So many beats that do not come are enough where the owner's container is seen not to run. */
const beatsOfTheGone = 3;

export interface WatchOptions {
  readonly state: State;
  readonly signal: AbortSignal;
  /** Told when another owner has to be watched before it counts as dead. */
  readonly onWatch?: (owner: string) => void;
  /**
   * Asked about the container of an owner that cannot be seen from here. False: it is there and does not run, so three
   * beats that do not come are enough; an owner that shares the network of another container may have named that one by
   * mistake. Undefined, where that cannot be told, and true, since a container is more than one process, leave
   * it to the heartbeat.
   */
  readonly isRunning?: (container: string) => Promise<boolean | undefined>;
}

interface FateOptions extends WatchOptions {
  readonly file: string;
  readonly times: LockTimes;
}

/** What has become of `owner`, who wrote `text`: watched, unless it can be seen from here. */
export async function fateOf(
  { state, file, signal, onWatch, isRunning, times }: FateOptions,
  text: string,
  owner: Owner | undefined,
): Promise<'alive' | 'dead' | 'released'> {
  const life = owner === undefined ? 'unknown' : lifeOf(owner);
  if (life !== 'unknown') return life;
  const container = owner?.container;
  const gone = container !== undefined && (await isRunning?.(container)) === false;
  onWatch?.(describeOwner(owner));
  // Looks are counted, not the time between them: it is we who may have been paused.
  for (let watched = 0; watched < deadAfter(times, gone); watched += times.lookEvery) {
    await pause(times.lookEvery, signal);
    const now = await state.read(file);
    if (now?.text !== text) return now === undefined ? 'released' : 'alive';
  }
  return 'dead';
}

/** For how long an owner's heartbeat must be seen to stand still before it is dead, ms. */
export function deadAfter({ beatEvery, stillFor }: LockTimes, containerIsGone: boolean): number {
  return containerIsGone ? Math.min(beatsOfTheGone * beatEvery, stillFor) : stillFor;
}
