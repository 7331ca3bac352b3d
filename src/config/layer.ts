export type Environment = Readonly<Record<string, string | undefined>>;

/** Keys as they were set, not yet validated, and where each was said. */
export interface Layer {
  readonly tree: unknown;
  /** Where the value at a dotted path comes from, in words. */
  readonly sourceOf: (path: string) => string;
  readonly problems: readonly string[];
}

/** Finds the source of a path in what was set: at the path itself, above it, or below it. */
export function sourceIn(sources: ReadonlyMap<string, string>): (path: string) => string {
  return (path) => {
    const related = [...sources].filter(
      ([set]) => set === path || path.startsWith(`${set}.`) || set.startsWith(`${path}.`),
    );
    return related.length === 0 ? 'environment' : related.map(([, source]) => source).join(', ');
  };
}

/** true, yes, on, 1 · false, no, off, 0; undefined for anything else. */
export function truthOf(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (['true', 'yes', 'on', '1'].includes(word)) return true;
  return ['false', 'no', 'off', '0'].includes(word) ? false : undefined;
}
