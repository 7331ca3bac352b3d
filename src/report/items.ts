import { bytes } from '../format.ts';
import type { ReportDocument } from './document.ts';
import type { Page, Section } from './page.ts';

/** Kinds that are listed one by one; layer links, tag history and blobs follow from them, and are counted. */
const listed = new Set(['tag', 'revision', 'upload', 'repository']);
const style = { indent: 2, hang: 2 } as const;

/** `plan`: what goes and what stays, item by item, each with its reason. */
export function itemsSections(items: ReportDocument['items'], { paint, prose }: Page): Section[] {
  if (items === undefined) return [];
  const go: string[] = [];
  let others = 0;
  for (const { kind, repository, digest, bytes: size, key, because } of items.remove) {
    if (!listed.has(kind)) {
      others++;
      continue;
    }
    const what = digest === undefined ? key : `${repository}@${digest}`;
    go.push(...prose(`${kind} ${what}${size > 0 ? ` (${bytes(size)})` : ''}: ${because}`, style));
  }
  if (others > 0)
    go.push(
      ...prose(`and ${others} tag histories, layer links and blobs (--json lists them)`, { indent: 2 }),
    );
  const stay: string[] = [];
  for (const { repository, digest, because } of items.keep)
    stay.push(...prose(`${repository}@${digest}: ${because}`, style));
  return [headed(paint.bold('Would go'), go), headed(paint.bold('Would stay'), stay)];
}

function headed(head: string, lines: readonly string[]): Section {
  return lines.length === 0 ? [] : [head, ...lines];
}
