import type { Inventory, Oddity } from '../inventory/inventory.ts';
import { findDamage } from './damage.ts';

const texts: Partial<Record<Oddity['kind'], string>> = {
  stray: "not the registry's, left alone",
  temporary: 'left over by a write that was cut off, left alone',
  'tag-without-current': 'a tag that resolves to nothing; it keeps nothing alive',
  'malformed-history': 'the history of a tag cannot be read; nobody needs it',
};

/** Odd things that are no reason to refuse: one line a kind, with an example and how many there are. */
export function warningsOf(inventory: Inventory, locate: (key: string) => string): string[] {
  const byText = new Map<string, { example: string; count: number }>();
  function note(text: string, key: string): void {
    const known = byText.get(text);
    if (known === undefined) byText.set(text, { example: locate(key), count: 1 });
    else known.count++;
  }
  for (const { kind, key } of inventory.oddities) {
    const text = texts[kind];
    if (text !== undefined) note(text, key);
  }
  for (const { kind, key } of findDamage(inventory)) {
    if (kind === 'sparse-index')
      note('an index names this manifest, which its repository does not have', key);
  }
  return [...byText].map(
    ([text, { example, count }]) => `${example}: ${text}${count > 1 ? ` (and ${count - 1} more)` : ''}`,
  );
}
