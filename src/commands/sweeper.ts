import type { Applied, Left } from '../apply/apply.ts';
import type { Collection } from '../apply/collector.ts';
import type { Removers } from '../apply/remover.ts';
import type { Tidied } from '../apply/tidy.ts';
import type { Plan } from '../plan/plan.ts';
import type { Fence } from '../runtime/runtime.ts';
import type { CleanOptions } from './clean.ts';
import type { Closed } from './close.ts';

/** A registry that is closed, and what is to be done to it. */
export interface Behind {
  readonly options: CleanOptions;
  readonly fence: Fence;
  readonly closed: Closed;
  /** Made behind the fence: that of `options` is the first one. */
  readonly plan: Plan;
  readonly removers: Removers;
}

/** Blobs that went. */
export interface Swept {
  readonly collection: Collection;
  /** Of those that went, how many (and how large) no inventory knows: pushed after the first look. */
  readonly unknown: { readonly blobs: number; readonly bytes: number };
  /** How many could not be removed. */
  readonly left: number;
  /** Keys of directories that may be empty since. */
  readonly emptied: readonly string[];
}

/** All that was removed behind the fence. */
export interface Done {
  readonly applied: Applied;
  readonly swept: Swept;
  readonly tidied: Tidied;
}

/** What takes the blobs, and how it is proved afterwards that none is missed: what differs by collector. */
export interface Sweeper {
  /** The steps `rehearse` and `collect`, once the references are gone. */
  sweep(applied: Applied): Promise<Swept>;
  /** The step `verify`, before the registry is opened again. Throws VERIFY_FAILED, FENCE_FAILED. */
  verify(done: Done): Promise<void>;
  /**
   * The step `verify-live`, with the registry open. `done`: undefined where the run was ended before all was done.
   * Throws VERIFY_FAILED.
   */
  verifyLive(done: Done | undefined): Promise<void>;
}

/** What stays although it should go is told in the report, as a person finds it. */
export function tellLeft({ draft, storage }: CleanOptions): (left: Left) => void {
  return ({ key, reason }) => {
    draft.left.push({ path: storage.locate(key), reason });
  };
}
