import type { Inventory } from '../inventory/inventory.ts';
import { findDamage } from './damage.ts';
import { type FindingKind, kinds } from './kinds.ts';
import type { CollectorName } from './plan.ts';

const told: ReadonlySet<FindingKind> = new Set([
  'stray',
  'temporary',
  'tag-without-current',
  'malformed-history',
  'sparse-index',
]);

/** Odd things that are no reason to refuse: one line a kind, with an example and how many there are. */
export function warningsOf(
  inventory: Inventory,
  locate: (key: string) => string,
  collector: CollectorName = 'registry',
): string[] {
  const byText = new Map<string, { example: string; count: number }>();
  function note(kind: FindingKind, key: string): void {
    if (!told.has(kind) && !(collector === 'native' && kinds[kind].native === 'warning')) return;
    const text = kinds[kind].means;
    const known = byText.get(text);
    if (known === undefined) byText.set(text, { example: locate(key), count: 1 });
    else known.count++;
  }
  for (const { kind, key } of inventory.oddities) note(kind, key);
  for (const { kind, key } of findDamage(inventory).damage) note(kind, key);
  return [...byText].map(
    ([text, { example, count }]) => `${example}: ${text}${count > 1 ? ` (and ${count - 1} more)` : ''}`,
  );
}
