/** A moment, by both clocks: the monotonic one stands still while a machine sleeps, the other may be set. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function moment(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** For how long it has been, ms, by the clock that says longest: a wall clock that is set makes it too long, never too short. */
export function since({ monotonic, wall }: Moment): number {
  const now = moment();
  return Math.max(now.monotonic - monotonic, Math.abs(now.wall - wall));
}
