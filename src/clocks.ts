/** A moment, by both clocks: the monotonic one stands still while a machine sleeps, the other may be set. */
export interface Moment {
  /** ms; all threads of a process have the same. */
  readonly monotonic: number;
  /** ms since the epoch. */
  readonly wall: number;
}

export function moment(): Moment {
  return { monotonic: Number(process.hrtime.bigint()) / 1e6, wall: Date.now() };
}

/** For how long it has been, ms, by the clock that says longest: a wall clock that is set makes it too long, never too short. */
export function since({ monotonic, wall }: Moment): number {
  const now = moment();
  return Math.max(now.monotonic - monotonic, Math.abs(now.wall - wall));
}
