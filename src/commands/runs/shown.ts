import type { LoggedItem } from '../../pipeline/run-log.ts';
import { referenceTo } from '../../pipeline/run-log.ts';
import type { LoggedRun } from '../../pipeline/run-log-read.ts';
import type { KindCounts, RunItem } from '../../report/runs-document.ts';
import { fromLogged } from './items.ts';

type Fate = Pick<RunItem, 'outcome' | 'reason'>;

/** Every item that a log names, with what came of it. */
export function* itemsOf(logged: LoggedRun): Generator<RunItem> {
  for (const { item, fate } of fates(logged)) yield { ...fromLogged(item), ...fate };
}

/** How many items are known to be removed, and of how many nothing more is known than that they were about to go. */
export function countsOf(logged: LoggedRun): { removed: KindCounts; unknown: KindCounts } {
  const removed: Record<string, number> = {};
  const unknown: Record<string, number> = {};
  const add = (counts: Record<string, number>, kind: string, count: number): void => {
    counts[kind] = (counts[kind] ?? 0) + count;
  };
  for (const { item, fate } of fates(logged)) {
    if (fate.outcome === 'removed') add(removed, item.kind, 1);
    if (fate.outcome === 'unknown') add(unknown, item.kind, 1);
  }
  for (const { unnamed, end } of logged.batches) {
    for (const [kind, count] of Object.entries(unnamed))
      add(end === undefined ? unknown : removed, kind, count);
  }
  return { removed, unknown };
}

function* fates({ batches, collected }: LoggedRun): Generator<{ item: LoggedItem; fate: Fate }> {
  const spared = new Set(collected?.spared);
  for (const { step, items, end } of batches) {
    const failed = new Map(end?.failed);
    const absent = new Set(end?.absent);
    const open = new Set(end?.open);
    for (const item of items) {
      const reference = referenceTo(item);
      const failure = failed.get(reference);
      if (end === undefined || open.has(reference)) yield { item, fate: fate('unknown') };
      else if (step === 'collect' && spared.has(item.name)) yield { item, fate: fate('stayed') };
      else if (failure !== undefined) yield { item, fate: failureOf(item, failure) };
      else yield { item, fate: fate(absent.has(reference) ? 'absent' : 'removed') };
    }
  }
}

/** A directory that is not empty after all stays, and that is right. */
function failureOf({ kind }: LoggedItem, reason: string): Fate {
  return fate(kind === 'directory' && reason.includes('ENOTEMPTY') ? 'stayed' : 'failed', reason);
}

function fate(outcome: RunItem['outcome'], reason: string | null = null): Fate {
  return { outcome, reason };
}
