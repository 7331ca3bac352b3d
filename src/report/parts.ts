import { count } from '../format.ts';
import type { ReportDocument } from './document.ts';
import type { Page, Section } from './page.ts';

/** So many warnings are shown; the others are counted. */
const warningLimit = 30;

/** So many things that are left are shown; the others are counted. */
const leftLimit = 20;

export function registrySection(registry: ReportDocument['registry'], { prose }: Page): Section {
  if (registry === null) return [];
  return prose(`Registry ${registry.version}, ${registry.runtime} runtime, ${registry.storage} storage`);
}

export function warningsSection(warnings: readonly string[], { paint, prose }: Page): Section {
  if (warnings.length === 0) return [];
  const unseen = warnings.length - warningLimit;
  return [
    paint.bold(paint.yellow(`Warnings (${count(warnings.length)})`)),
    ...warnings
      .slice(0, warningLimit)
      .flatMap((text) => prose(`! ${text}`, { indent: 2, hang: 2, paint: paint.yellow })),
    ...(unseen > 0
      ? prose(`! and ${count(unseen)} more: --json tells them all`, { indent: 2, paint: paint.yellow })
      : []),
  ];
}

/** What could not be removed. */
export function leftSection(left: ReportDocument['left'], { paint, prose }: Page): Section {
  if (left.length === 0) return [];
  const unseen = left.length - leftLimit;
  const line = (text: string): string[] => prose(text, { indent: 2, hang: 2, paint: paint.yellow });
  return [
    paint.bold(paint.yellow(`Not removed (${count(left.length)})`)),
    ...left.slice(0, leftLimit).flatMap(({ path, reason }) => line(`! ${path}: ${reason}`)),
    ...(unseen > 0 ? line(`! … and ${count(unseen)} more: --json tells them all`) : []),
  ];
}
