import { bytes, count, counted } from '../format.ts';
import { width } from '../screen.ts';
import type { RemovedTotals, ReportDocument, RepositoryFigures } from './document.ts';
import type { Page, Section } from './page.ts';
import { pad } from './summary.ts';

const topLength = 10;

/** `25 manifests, 120 layer links and 145 blobs`; empty when nothing is. */
export function listRemoved(removed: RemovedTotals): string {
  const parts = [
    { value: removed.tags, noun: 'tag' },
    { value: removed.manifests, noun: 'manifest' },
    { value: removed.layerLinks, noun: 'layer link' },
    { value: removed.blobs, noun: 'blob' },
    { value: removed.uploads, noun: 'old upload' },
    { value: removed.repositories, noun: 'empty repository' },
  ].flatMap(({ value, noun }) => (value > 0 ? [counted(value, noun)] : []));
  const last = parts.pop() ?? '';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

/** What went, or would go, in a sentence; undefined when nothing does. */
export function removedSentence({ removed, dryRun }: ReportDocument): string | undefined {
  const what = listRemoved(removed);
  if (what === '') return undefined;
  const freed = bytes(removed.bytes);
  return dryRun ? `Would remove ${what}, and free ${freed}.` : `Removed ${what}; ${freed} freed.`;
}

/** The repositories that change, those that free most first; all others in one line. */
export function repositoriesSection(repositories: readonly RepositoryFigures[], page: Page): Section {
  if (repositories.length === 0) return [];
  const top = repositories.slice(0, topLength).map((figures) => cellsOf(`  ${figures.name}`, figures));
  const rest = repositories.slice(topLength);
  const others = rest.length === 0 ? [] : [cellsOf(`  and ${count(rest.length)} more`, sumOf(rest))];
  const heading = ['Repository', 'tags', 'manifests', 'freed'];
  const rows = [heading, ...top, ...others];
  const widths = heading
    .slice(1)
    .map((_, column) => Math.max(...rows.map((row) => width(row[column + 1] ?? ''))) + 3);
  const nameColumns = page.columns - widths.reduce((sum, columns) => sum + columns, 0);
  const lines = rows.flatMap(([name = '', ...figures]) => {
    const right = figures.map((figure, column) => pad(figure, widths[column] ?? 0)).join('');
    if (width(name) <= nameColumns) return [name + ' '.repeat(nameColumns - width(name)) + right];
    return [
      ...page.prose(name.trimStart(), { indent: 2, hang: 2 }),
      ' '.repeat(Math.max(0, nameColumns)) + right,
    ];
  });
  return lines.map((line, index) => (index === 0 ? page.paint.bold(line) : line));
}

function cellsOf(
  name: string,
  { tags, manifestsBefore, manifestsAfter, bytesFreed }: Omit<RepositoryFigures, 'name'>,
): string[] {
  const after = count(manifestsAfter);
  return [
    name,
    count(tags),
    manifestsBefore === manifestsAfter ? after : `${count(manifestsBefore)} → ${after}`,
    bytes(bytesFreed),
  ];
}

function sumOf(repositories: readonly RepositoryFigures[]): Omit<RepositoryFigures, 'name'> {
  const sum = (key: 'tags' | 'manifestsBefore' | 'manifestsAfter' | 'bytesFreed'): number =>
    repositories.reduce((total, figures) => total + figures[key], 0);
  return {
    tags: sum('tags'),
    manifestsBefore: sum('manifestsBefore'),
    manifestsAfter: sum('manifestsAfter'),
    bytesFreed: sum('bytesFreed'),
  };
}
