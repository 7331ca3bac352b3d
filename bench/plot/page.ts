import { limitsOf } from '../collect/limits.ts';
import { machineText, round } from '../collect/print.ts';
import type { Result, SizeResult } from '../collect/result.ts';
import { median } from '../collect/statistics.ts';
import { type SizeName, sizeNames } from '../tree/shape.ts';
import { secondsText } from './plot.ts';

const begin = '<!-- result: made by scripts/bench draw -->';
const end = '<!-- end of result -->';

/** `page` with what was measured between its two marks. Throws when it has none. */
export function fillIn(page: string, result: Result): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the page has no place between "${begin}" and "${end}"`);
  return `${page.slice(0, from)}${begin}\n${resultText(result)}\n${page.slice(to)}`;
}

/** The plot that lies beside the page, and tables in Markdown: the trees, seconds and memory of all rows, and what is promised. */
function resultText(result: Result): string {
  const measured = sizeNames.flatMap((size) => result.sizes[size] ?? []);
  const head = ['', ...measured.map(({ size }) => `**${size}**`)];
  return [
    "![Seconds of this program and of the registry's own collector](speed.svg)",
    '',
    `${machineText(result.machine)}.`,
    '',
    ...table(head, about(measured)),
    '',
    'Medians of seconds, and the most memory that one process had (the collector, where that was more than ours):',
    '',
    ...table(head, rowsOf(measured)),
    '',
    'Ratios, and what is promised; in bold what is not kept:',
    '',
    ...table(
      ['', 'size', 'measured', 'promised: at most'],
      measured.flatMap(({ size }) => promised(result, size)),
    ),
  ].join('\n');
}

function about(measured: readonly SizeResult[]): string[][] {
  const number = (figure: number): string => figure.toLocaleString('en-US');
  const row = (name: string, of: (result: SizeResult) => string): string[] => [name, ...measured.map(of)];
  return [
    row('measured', ({ date, rounds }) => `${date}, ${rounds} rounds`),
    row('repositories', ({ counts }) => number(counts.repositories)),
    row(
      'manifests, of which untagged',
      ({ counts }) => `${number(counts.manifests)}, ${number(counts.untagged)}`,
    ),
    row('tags', ({ counts }) => number(counts.tags)),
    row('layer links', ({ counts }) => number(counts.layerLinks)),
    row('blobs', ({ counts }) => number(counts.blobs)),
    row('files', ({ counts }) => number(counts.files)),
  ];
}

function rowsOf(measured: readonly SizeResult[]): string[][] {
  const titles = new Map(measured.flatMap(({ rows }) => rows.map(({ id, title }) => [id, title] as const)));
  return Array.from(titles, ([id, title]) => [
    title,
    ...measured.map(({ rows }) => {
      const row = rows.find((row) => row.id === id);
      if (row === undefined) return '';
      return `${secondsText(median(row.seconds))}, ${Math.round(median(row.peak) / 1e6)} MB`;
    }),
  ]);
}

function promised(result: Result, size: SizeName): string[][] {
  return limitsOf(result, size).map(({ text, measured, limit, unit }) => {
    const figure = `${round(measured)} ${unit}`;
    if (limit === undefined) return [text, size, figure, ''];
    return [text, size, measured <= limit ? figure : `**${figure}**`, `${round(limit)} ${unit}`];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)];
}
