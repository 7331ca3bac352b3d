import type { SizeName } from '../tree/shape.ts';
import type { Result, Row, SizeResult } from './result.ts';
import { median } from './statistics.ts';

/** A figure that a promise is about, and what was measured of it. */
export interface Limit {
  readonly text: string;
  /** At most. Undefined: nothing is promised for this size. */
  readonly limit: number | undefined;
  readonly measured: number;
  readonly unit: '×' | 's' | 'MB';
}

type Figure = 'seconds' | 'peak';

/** What promises are about, as far as all that it is made of was measured. Most of them are about large. */
export function limitsOf(result: Result, size: SizeName): Limit[] {
  const of = (id: string, figure: Figure = 'seconds', from: SizeName = size): number =>
    figureOf(result.sizes[from], id, figure);
  const second = result.sizes[size]?.registries.find((version) => version.startsWith('2.'));
  const theirs = `gc-${second?.replace(/[^0-9.].*$/, '')}`;
  const dry = theirs.replace('gc-', 'gc-dry-');
  const large = (limit: number): number | undefined => (size === 'large' ? limit : undefined);
  const ratio = (text: string, limit: number, measured: number): Limit => {
    return { text, limit: large(limit), measured, unit: '×' };
  };
  const name = `garbage-collect -m ${second}`;
  const all: Limit[] = [
    ratio(`inventory and plan / ${name} --dry-run`, 0.2, of('look-native') / of(dry)),
    ratio('inventory and plan / find -type f', 0.5, of('look-native') / of('find')),
    // The dead layer links, which that collector leaves behind, are as many files again.
    ratio(`native run, dead layer links included / ${name}`, 0.5, of('run-native') / of(theirs)),
    ratio('one repository with 90 % / evenly spread', 1.3, of('look-skew') / of('look-native')),
    {
      text: 'native: closed to pushes, 1 % of garbage',
      limit: large(2),
      measured: of('closed-native'),
      unit: 's',
    },
    {
      text: 'native: peak memory',
      limit: size === 'huge' ? 600 : large(250),
      measured: of('run-native', 'peak') / 1e6,
      unit: 'MB',
    },
  ];
  if (size === 'huge') all.push(...growth(result));
  return all.filter(({ measured }) => !Number.isNaN(measured));
}

/** From large to huge: nothing may grow faster than what it depends on. */
function growth({ sizes: { large, huge } }: Result): Limit[] {
  if (large === undefined || huge === undefined) return [];
  const times = (id: string): number => figureOf(huge, id, 'seconds') / figureOf(large, id, 'seconds');
  const links = ({ closedCounts: { tags, manifests } }: SizeResult): number => tags + manifests;
  const files = huge.counts.files / large.counts.files;
  return [
    { text: 'huge / large: inventory and plan', limit: files, measured: times('look-native'), unit: '×' },
    { text: 'huge / large: native run', limit: files, measured: times('run-native'), unit: '×' },
    {
      text: 'huge / large: closed to pushes',
      limit: links(huge) / links(large),
      measured: times('closed-native'),
      unit: '×',
    },
  ];
}

function figureOf(of: SizeResult | undefined, id: string, figure: Figure): number {
  const row: Row | undefined = of?.rows.find((row) => row.id === id);
  return row === undefined ? Number.NaN : median(row[figure]);
}
