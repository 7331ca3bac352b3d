import { bytes, count } from '../format.ts';
import { width } from '../screen.ts';
import type { RemovedTotals, Totals } from './document.ts';
import type { Page, Section } from './page.ts';

const rows = [
  { key: 'repositories', label: 'repositories', show: count },
  { key: 'tags', label: 'tags', show: count },
  { key: 'manifests', label: 'manifests', show: count },
  { key: 'layerLinks', label: 'layer links', show: count },
  { key: 'blobs', label: 'blobs', show: count },
  { key: 'bytes', label: 'total size', show: bytes },
] as const satisfies readonly { key: keyof Totals; label: string; show: (value: number) => string }[];

const labelColumns = 14;
const valueColumns = 12;

/** A block of totals under its title; beside each figure how far it is from `earlier`. */
export function summarySection(
  title: string,
  totals: Totals,
  { paint }: Page,
  earlier: Totals = totals,
): Section {
  const lines = rows.map(({ key, label, show }) => {
    const value = show(totals[key]);
    const change = totals[key] - earlier[key];
    const sign = change < 0 ? '-' : '+';
    const beside = change === 0 ? '' : `${sign}${show(Math.abs(change))}`;
    const line = `  ${label.padEnd(labelColumns)}${pad(value, valueColumns)}`;
    return beside === '' ? line : `${line}${paint.dim(pad(beside, valueColumns))}`;
  });
  return [paint.bold(`[ Data summary : ${title} ]`), ...lines];
}

/** What will be there once `removed` has gone. */
export function foretell(before: Totals, removed: RemovedTotals): Totals {
  const left = (key: keyof Totals & keyof RemovedTotals): number => Math.max(0, before[key] - removed[key]);
  return {
    repositories: left('repositories'),
    tags: left('tags'),
    manifests: left('manifests'),
    layerLinks: left('layerLinks'),
    blobs: left('blobs'),
    bytes: left('bytes'),
  };
}

/** `text` at the right end of `columns`. */
export function pad(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - width(text))) + text;
}
