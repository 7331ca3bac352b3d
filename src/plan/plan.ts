import type { Counts, DigestId, Inventory } from '../inventory/inventory.ts';
import type { Digest } from '../registry/digest.ts';
import type { Removals } from './removals.ts';

/**
 * Why a manifest stays. `changed`: the second look would let it go, the first did not. `unreadable`: unknown means keep.
 * `isolated`: its repository is left alone.
 */
export type KeepReason =
  | 'tagged'
  | 'child'
  | 'referrer'
  | 'protected'
  | 'young'
  | 'changed'
  | 'unreadable'
  | 'isolated';

/** registry: its own `garbage-collect`. native: this program, which removes the blobs of the plan and no others. */
export type CollectorName = 'registry' | 'native';

export interface Removal {
  readonly kind: 'tag' | 'tag-history' | 'revision' | 'layer-link' | 'upload' | 'repository' | 'blob';
  /** The storage key; of a directory with everything in it for `upload` and `repository`. */
  readonly key: string;
  /** What goes from the disk: the size of a blob or an upload, 0 for links. */
  readonly bytes: number;
  readonly because: string;
  readonly repository?: string;
  readonly digest?: Digest;
}

export interface Keep {
  readonly repository: string;
  readonly digest: Digest;
  readonly because: KeepReason;
}

/** What the user's policies and the clock say. Times are ms since the epoch, spans ms. */
export interface Policy {
  /** The storage's clock. */
  readonly now: number;
  readonly untaggedKeepWithin: number;
  readonly protect: ReadonlySet<Digest>;
  readonly uploadsKeepWithin: number;
  readonly removeEmptyRepositories: boolean;
  /** The registry's collector removes dead layer links by itself, the last one of a repository like all others: 3.x. */
  readonly collectorTakesLinks?: boolean;
  /** What sweeps blobs. The native collector keeps the young ones, too. Default: the registry's own. */
  readonly collector?: CollectorName;
  /** What to do about damage. isolate: leave such a repository alone, and all that it links to. Default: stop. */
  readonly damage?: 'stop' | 'isolate';
}

export interface PlanTotals {
  readonly before: Counts;
  readonly removed: {
    readonly tags: number;
    readonly manifests: number;
    readonly layerLinks: number;
    readonly uploads: number;
    readonly repositories: number;
    readonly blobs: number;
    /** Of blobs alone: each shared one once. */
    readonly bytes: number;
  };
  /**
   * Blobs that no manifest names and that are younger than `untagged.keepWithin`. The registry's collector takes them, too
   * (they are among `removed`); the native one spares them, and those that a young layer link leads to, which count here.
   */
  readonly youngBlobs: { readonly blobs: number; readonly bytes: number };
  readonly kept: Readonly<Record<KeepReason, number>>;
  /** Untagged manifests that are neither child nor referrer, and stay only because they are young; the next time one may go. */
  readonly young: { readonly manifests: number; readonly nextAt: number | undefined };
  /** Damaged repositories that are left alone. */
  readonly isolated: number;
}

export interface RepositoryPlan {
  readonly name: string;
  readonly tags: number;
  readonly manifestsBefore: number;
  readonly manifestsAfter: number;
  readonly layerLinksRemoved: number;
  readonly bytesFreed: number;
}

/** What goes, what stays and why. Made by a pure function; printable; says nothing of whether it will be carried out. */
export interface Plan {
  readonly version: 1;
  /** Changes when the storage's references do: a plan made from other references is not for this storage. */
  readonly store: string;
  readonly madeAt: string;
  readonly remove: Removals;
  readonly keep: Iterable<Keep>;
  readonly repositories: readonly RepositoryPlan[];
  /** Names of damaged repositories that are left as they are (`Policy.damage`): nothing may be removed from them. */
  readonly isolated: ReadonlySet<string>;
  readonly totals: PlanTotals;
  /** Whether there is anything worth closing the registry for. */
  readonly worthwhile: boolean;
  /** What must be there afterwards, by the inventory's ids. */
  readonly kept: Kept;
}

/** What stays, in the ids of the inventory that the plan was made from. */
export interface Kept {
  readonly inventory: Inventory;
  /** Per repository (by index): manifest → why. */
  readonly manifests: readonly ReadonlyMap<DigestId, KeepReason>[];
  /**
   * 1 for every digest that the registry's collector marks: manifests that stay, what they name, their children. With the
   * native collector also for what kept manifests reach through the content of layer links, what isolated repositories
   * link to, and what is young: every blob that there is either goes or is marked.
   */
  readonly marked: Uint8Array;
}
