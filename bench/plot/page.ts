import { limitsOf } from '../collect/limits.ts';
import { machineText, round } from '../collect/print.ts';
import type { Result, SizeResult } from '../collect/result.ts';
import { median } from '../collect/statistics.ts';
import { type SizeName, sizeNames } from '../tree/shape.ts';
import { secondsText } from './plot.ts';

const begin = '<!-- result: made by scripts/bench draw -->';
const end = '<!-- end of result -->';

/** The page on speed (`docs/speed.md`) with all that was measured between its two marks. Throws when it has none. */
export function fillIn(page: string, result: Result): string {
  return between(page, resultText(result));
}

/** The README with the plot and what matters most of it between the same marks. Throws when it has none. */
export function fillReadme(readme: string, result: Result): string {
  const measured = sizeNames.flatMap((size) => result.sizes[size] ?? []);
  const sizes = measured.map(({ size, date, rounds, counts: { repositories, manifests, blobs, files } }) => {
    const figures = [repositories, manifests, blobs, files].map((figure) => figure.toLocaleString('en-US'));
    return `${size}: ${figures[0]} repositories, ${figures[1]} manifests, ${figures[2]} blobs, ${figures[3]} files (${rounds} rounds, ${date})`;
  });
  return between(
    readme,
    [
      "![Seconds of this program and of the registry's own collector](docs/speed.svg)",
      '',
      `${machineText(result.machine)}. ${sizes.join('; ')}. Medians:`,
      '',
      ...table(['', ...measured.map(({ size }) => size)], ratios(result, measured)),
    ].join('\n'),
  );
}

function between(page: string, text: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the page has no place between "${begin}" and "${end}"`);
  return `${page.slice(0, from)}${begin}\n${text}\n${page.slice(to)}`;
}

/** A line for each figure that something is promised about, of all sizes. */
function ratios(result: Result, measured: readonly SizeResult[]): string[][] {
  const all = measured.map(({ size }) => new Map(limitsOf(result, size).map((limit) => [limit.text, limit])));
  const texts = new Set(all.flatMap((limits) => [...limits.keys()]));
  return Array.from(texts, (text) => [
    text,
    ...all.map((limits) => {
      const limit = limits.get(text);
      return limit === undefined ? '' : `${round(limit.measured)} ${limit.unit}`;
    }),
  ]);
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
