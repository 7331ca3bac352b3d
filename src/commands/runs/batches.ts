import type { ApplyOptions, Going } from '../../apply/apply.ts';
import { type LoggedItem, type RunLog, referenceTo } from '../../pipeline/run-log.ts';
import { toLogged } from './items.ts';

export interface LoggedBatches {
  /** For whoever removes. */
  readonly hooks: Required<Pick<ApplyOptions, 'onRemoving' | 'onAnswered'>>;
  /** Nothing more is removed, whether all went well or not. */
  close(): void;
}

interface Batch {
  readonly number: number;
  readonly items: readonly LoggedItem[];
  /** Storage key → its item's place, of what is not answered yet. */
  readonly open: Map<string, number>;
  readonly failed: [string, string][];
  readonly absent: string[];
}

/**
 * Puts on record what `step` removes, batch by batch, and what came of each. A batch ends when everything in it is
 * answered; the next one may be put on record before.
 */
export function logBatches(log: RunLog | undefined, step: string): LoggedBatches {
  const batches = new Set<Batch>();
  function nameOf({ items }: Batch, place: number): string {
    const item = items[place];
    return item === undefined ? '' : referenceTo(item);
  }
  function end(batch: Batch): void {
    batches.delete(batch);
    const { number, failed, absent } = batch;
    const open = Array.from(batch.open.values(), (place) => nameOf(batch, place));
    log?.ended(number, { failed, absent, open });
  }
  return {
    close() {
      for (const batch of batches) end(batch);
    },
    hooks: {
      async onRemoving(going) {
        if (log === undefined || going.length === 0) return;
        const items = going.map(toLogged);
        const number = await log.going(step, items);
        const open = new Map(going.map(({ key }: Going, place) => [key, place]));
        batches.add({ number, items, open, failed: [], absent: [] });
      },
      onAnswered({ key, outcome, reason }) {
        for (const batch of batches) {
          const place = batch.open.get(key);
          // Directories above that were emptied answer, too.
          if (place === undefined) continue;
          batch.open.delete(key);
          if (outcome === 'failed') batch.failed.push([nameOf(batch, place), reason ?? 'unknown']);
          if (outcome === 'absent') batch.absent.push(nameOf(batch, place));
          if (batch.open.size === 0) end(batch);
          return;
        }
      },
    },
  };
}
