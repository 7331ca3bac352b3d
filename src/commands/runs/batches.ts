import type { ApplyOptions } from '../../apply/apply.ts';
import { type RunLog, referenceTo } from '../../pipeline/run-log.ts';
import { toLogged } from './items.ts';

export interface LoggedBatches {
  /** For whoever removes. */
  readonly hooks: Required<Pick<ApplyOptions, 'onRemoving' | 'onAnswered'>>;
  /** The last batch has ended, well or not. */
  close(): void;
}

/** Puts on record what `step` removes, batch by batch, and what came of each. */
export function logBatches(log: RunLog | undefined, step: string): LoggedBatches {
  let batch: number | undefined;
  /** Storage key → what the log calls it, of what is not answered yet. */
  let open = new Map<string, string>();
  let failed: [string, string][] = [];
  let absent: string[] = [];
  function close(): void {
    if (batch !== undefined) log?.ended(batch, { failed, absent, open: [...open.values()] });
    batch = undefined;
    open = new Map();
    failed = [];
    absent = [];
  }
  return {
    close,
    hooks: {
      async onRemoving(going) {
        close();
        if (log === undefined) return;
        const items = going.map(toLogged);
        batch = await log.going(step, items);
        open = new Map(going.map((one, index) => [one.key, referenceTo(items[index] ?? toLogged(one))]));
      },
      onAnswered({ key, outcome, reason }) {
        const name = open.get(key);
        // Directories above that were emptied answer, too.
        if (name === undefined) return;
        open.delete(key);
        if (outcome === 'failed') failed.push([name, reason ?? 'unknown']);
        if (outcome === 'absent') absent.push(name);
      },
    },
  };
}
