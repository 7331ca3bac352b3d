import type { Removed } from '../storage.ts';

/** What a thread that removes begins with. */
export interface ThreadData {
  /** The real path of the storage's root. */
  readonly root: string;
  readonly permit: SharedArrayBuffer;
}

/** Files to be removed by one thread. */
export interface Task {
  readonly id: number;
  /** No key twice. */
  readonly keys: readonly string[];
  /**
   * A byte for each key, from `from` on: 0 while it is not answered, `trying` from before its removal, and then one more
   * than the outcome's place in `outcomes`. Shared, so that what a thread did is known even when it dies.
   */
  readonly answers: SharedArrayBuffer;
  readonly from: number;
}

export const outcomes = ['removed', 'absent', 'failed'] as const satisfies readonly Removed['outcome'][];
export const trying = 255;

/** What a thread says when it is done with a task, or may not go on. */
export interface Done {
  readonly id: number;
  /** Why keys failed, by their place in the task. */
  readonly reasons: readonly (readonly [number, string])[];
  /** Parents that could not be pruned though nothing is in them. */
  readonly besides: readonly Removed[];
  readonly occupied: readonly string[];
}
