import type { Row, SizeResult } from '../collect/result.ts';
import { median } from '../collect/statistics.ts';

/** Whose a bar is: the registry's, this program's, or neither's. */
export type Whose = 'theirs' | 'ours' | 'neither';

export interface Bar {
  readonly label: string;
  readonly whose: Whose;
  /** Median. */
  readonly seconds: number;
}

export interface Group {
  readonly title: string;
  readonly bars: readonly Bar[];
}

type Choice = readonly [start: string, label: string, whose: Whose];

/** Rows by how their ids begin, in the order in which they are drawn; several registries are several bars. */
const choices: Readonly<Record<string, readonly Choice[]>> = {
  'What would go (nothing is changed)': [
    ['gc-dry-', 'garbage-collect -m --dry-run', 'theirs'],
    ['find', 'find -type f', 'neither'],
    ['look-registry', 'inventory and plan, collector: registry', 'ours'],
    ['look-native', 'inventory and plan, collector: native', 'ours'],
  ],
  'Cleaning, half of the manifests untagged': [
    ['gc-', 'garbage-collect -m', 'theirs'],
    ['run-registry', 'run, collector: registry', 'ours'],
    ['run-native', 'run, collector: native', 'ours'],
    ['floor-blobs', 'the floor: bare unlink of the blobs', 'neither'],
  ],
  'Closed to pushes, 1 % of new garbage': [
    ['closed-registry', 'run, collector: registry', 'ours'],
    ['closed-native', 'run, collector: native', 'ours'],
  ],
};

/** What is drawn of a size: whatever of it was measured. */
export function groupsOf({ rows }: SizeResult): Group[] {
  return Object.entries(choices)
    .map(([title, chosen]) => ({ title, bars: chosen.flatMap((choice) => barsOf(rows, choice)) }))
    .filter(({ bars }) => bars.length > 0);
}

function barsOf(rows: readonly Row[], [start, label, whose]: Choice): Bar[] {
  const versions = start.endsWith('-');
  return rows
    .filter(({ id }) =>
      versions ? id.startsWith(start) && /^[0-9.]+$/.test(id.slice(start.length)) : id === start,
    )
    .map(({ id, seconds }) => {
      const version = versions ? `, ${id.slice(start.length)}` : '';
      return { label: `${label}${version}`, whose, seconds: median(seconds) };
    });
}
