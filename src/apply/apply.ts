import type { Held } from '../pipeline/lock.ts';
import type { Plan, Removal } from '../plan/plan.ts';
import type { Removed, Storage } from '../storage/storage.ts';
import { removeInBatches } from './in-batches.ts';
import type { Removers } from './remover.ts';

/** What was done, measured by what the storage answered. */
export interface Applied {
  /** Removals carried out, by kind. What was absent already is not counted. */
  readonly removed: Readonly<Record<Removal['kind'], number>>;
  /** What could not be removed, and what was left because of it, each with its reason. */
  readonly left: readonly Left[];
}

export interface Left {
  readonly key: string;
  readonly reason: string;
}

/** What is about to be removed: what the plan says, and directories that are empty by then. */
export type Going = Omit<Removal, 'kind' | 'bytes'> & { readonly kind: Removal['kind'] | 'directory' };

export interface ApplyOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** Told after every batch what has gone so far: true also when a later batch throws. */
  readonly onRemoved?: (removed: Applied['removed']) => void;
  /** Told at once what stays: true also when what comes after it throws. */
  readonly onLeft?: (left: Left) => void;
  /** Told, and waited for, before a batch is removed: what is on record survives a kill. */
  readonly onRemoving?: (batch: readonly Going[]) => Promise<void>;
  /** Told of each of them what came of it. */
  readonly onAnswered?: (answer: Removed) => void;
  /** Who removes, and goes on to after this, unless it was much. Left out: whoever began here ends here. */
  readonly removers?: Removers;
  /** Asked before every batch and every removal; throws to stop (the fence no longer holds). */
  readonly stillSafe?: () => Promise<void>;
}

/** References before data. Blobs are the collector's, uploads and repositories are tidied afterwards. */
const order = ['tag', 'tag-history', 'revision', 'layer-link'] as const;

/**
 * Removes the references that `plan` lets go. When one cannot be removed, nothing that comes after it in the order is
 * removed from its repository: what a failed removal still names stays whole.
 */
export async function applyPlan(
  storage: Storage,
  plan: Plan,
  held: Held,
  options: ApplyOptions,
): Promise<Applied> {
  const removed = emptyCounts();
  const left: Left[] = [];
  function leave(one: Left): void {
    left.push(one);
    options.onLeft?.(one);
  }
  const stuck = new Set<string>();
  const total = order.reduce((sum, kind) => sum + plan.remove.count(kind), 0);
  let before = 0;
  for (const kind of order) {
    const blocked = new Set(stuck);
    const count = plan.remove.count(kind);
    await removeInBatches({
      storage,
      held,
      options,
      before: stillMay(held, options),
      removals: plan.remove.of(kind),
      count,
      goes({ key, repository = '' }) {
        if (blocked.has(repository))
          leave({ key, reason: 'left, since a reference before it could not be removed' });
        return !blocked.has(repository);
      },
      onAnswer({ key, outcome, reason }, removal) {
        if (outcome === 'removed') removed[kind]++;
        if (outcome !== 'failed') return;
        leave({ key, reason: reason ?? 'unknown' });
        // Of an emptied directory that stays, nothing depends.
        if (removal !== undefined) stuck.add(removal.repository ?? '');
      },
      onBatch(done) {
        options.onRemoved?.(removed);
        options.onProgress?.(before + done, total);
      },
    });
    before += count;
  }
  return { removed, left };
}

/**
 * Asked before every single removal. A batch takes long on a slow disk, and a process that was stopped in the middle of
 * one may find that another run has taken over.
 */
export function stillMay(
  held: Held,
  { signal, stillSafe }: Pick<ApplyOptions, 'signal' | 'stillSafe'>,
): () => Promise<void> {
  return async () => {
    signal.throwIfAborted();
    await stillSafe?.();
    await held.stillOurs();
  };
}

/** Nothing removed yet. */
export function emptyCounts(): Record<Removal['kind'], number> {
  return { tag: 0, 'tag-history': 0, revision: 0, 'layer-link': 0, upload: 0, repository: 0, blob: 0 };
}
