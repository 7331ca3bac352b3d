import { bytes } from '../format.ts';
import type { ReportDocument } from './document.ts';
import type { Page, Section } from './page.ts';

/** Kinds that are listed one by one; layer links, tag history and blobs follow from them, and are counted. */
const listed = new Set(['tag', 'revision', 'upload', 'repository']);

/** `plan`: what goes and what stays, item by item, each with its reason. */
export function itemsSections(items: ReportDocument['items'], { paint, prose }: Page): Section[] {
  if (items === undefined) return [];
  const remove = items.remove.filter(({ kind }) => listed.has(kind));
  const others = items.remove.length - remove.length;
  return [
    remove.length + others === 0
      ? []
      : [
          paint.bold('Would go'),
          ...remove.flatMap(({ kind, repository, digest, bytes: size, key, because }) => {
            const what = digest === undefined ? key : `${repository}@${digest}`;
            return prose(`${kind} ${what}${size > 0 ? ` (${bytes(size)})` : ''}: ${because}`, {
              indent: 2,
              hang: 2,
            });
          }),
          ...(others > 0
            ? prose(`and ${others} tag histories, layer links and blobs (--json lists them)`, { indent: 2 })
            : []),
        ],
    items.keep.length === 0
      ? []
      : [
          paint.bold('Would stay'),
          ...items.keep.flatMap(({ repository, digest, because }) =>
            prose(`${repository}@${digest}: ${because}`, { indent: 2, hang: 2 }),
          ),
        ],
  ];
}
