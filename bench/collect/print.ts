import type { SizeName } from '../tree/shape.ts';
import { limitsOf } from './limits.ts';
import type { Machine, Result, Row } from './result.ts';
import { median } from './statistics.ts';

/** What was measured of a size, for a terminal. */
export function printResult(result: Result, size: SizeName): string {
  const of = result.sizes[size];
  if (of === undefined) return '';
  const { counts, rounds } = of;
  const what = `${counts.repositories} repositories, ${counts.manifests} manifests, ${counts.blobs} blobs, ${counts.files} files`;
  const lines = [
    '',
    `${size}: ${what}`,
    `${machineText(result.machine)}; medians of ${rounds} rounds`,
    '',
    line('', 'median', 'least', 'most', 'CPU', 'process', 'peak'),
    ...of.rows.map(rowText),
    '',
    ...of.rows.filter(({ parts }) => Object.keys(parts).length > 0).map(partsText),
    '',
    ...limitsOf(result, size).map(({ text, measured, limit, unit }) => {
      const figure = `${text.padEnd(66)} ${round(measured)} ${unit}`;
      if (limit === undefined) return figure;
      return `${figure}  (at most ${round(limit)} ${unit}: ${measured <= limit ? 'ok' : 'OVER'})`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

export function machineText({ processor, cores, memory, kernel, node, filesystem }: Machine): string {
  return `${cores} × ${processor}, ${Math.round(memory / 2 ** 30)} GiB, ${filesystem}, ${kernel}, Node ${node.replace('v', '')}`;
}

function rowText({ title, seconds, cpu, wall, peak }: Row): string {
  const figures = [median(seconds), Math.min(...seconds), Math.max(...seconds), median(cpu), median(wall)];
  return line(
    title,
    ...figures.map((figure) => `${figure.toFixed(2)} s`),
    `${Math.round(median(peak) / 1e6)} MB`,
  );
}

function partsText({ title, parts }: Row): string {
  const each = Object.entries(parts).map(([name, figures]) => `${name} ${median(figures).toFixed(2)}`);
  return `${title}: ${each.join(', ')} s`;
}

function line(title: string, ...columns: readonly string[]): string {
  return `${title.padEnd(64)}${columns.map((column) => column.padStart(10)).join('')}`;
}

/** Three digits that mean something. */
export function round(figure: number): string {
  return figure >= 100 ? figure.toFixed(0) : figure.toPrecision(3);
}
