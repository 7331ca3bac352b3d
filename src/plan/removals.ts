import type { Removal } from './plan.ts';

/** What goes, in order. Made one by one as it is asked for: a large registry has hundreds of thousands. */
export interface Removals extends Iterable<Removal> {
  readonly length: number;
  /** How many of one kind there are. */
  count(kind: Removal['kind']): number;
  /** Names of the repositories that something is removed from. */
  readonly repositories: ReadonlySet<string>;
  /** Those of one kind, in order. */
  of(kind: Removal['kind']): Iterable<Removal>;
}

/** `list` as removals. */
export function removalsOf(list: readonly Removal[]): Removals {
  const of = (kind: Removal['kind']): readonly Removal[] => list.filter((removal) => removal.kind === kind);
  return {
    length: list.length,
    count: (kind) => of(kind).length,
    of,
    repositories: new Set(list.flatMap(({ repository }) => repository ?? [])),
    [Symbol.iterator]: () => list[Symbol.iterator](),
  };
}
