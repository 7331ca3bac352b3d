import type { InventoryBuilder } from '../builder.ts';
import { digestWords } from '../digest-table.ts';
import type { Earlier } from './earlier.ts';
import type { Answer, Section, Task } from './task.ts';

/** What answers are added to. */
export interface Merging {
  readonly builder: InventoryBuilder;
  /** Repositories, by their numbers. */
  readonly repositories: readonly { readonly name: string; readonly directory: string }[];
  /** Who judges what was not looked at whole. */
  readonly earlier?: Earlier;
}

/** Adds what tasks have found. Returns the bytes of blobs, and what is to be looked at whole since it is not as it was. */
export function mergeRows(
  merging: Merging,
  answer: Answer,
): { readonly bytes: number; readonly again: readonly Task[] } {
  const { builder, repositories } = merging;
  const ids = idsOf(builder, answer);
  const again: Task[] = [];
  let bytes = 0;
  for (const section of answer.sections) {
    if (section.of === 'blob') bytes += mergeBlobs(builder, answer, ids, section);
    else mergeLinks(merging, answer, ids, section, again);
  }
  for (const { repository, tag } of answer.tagsSeen)
    builder.tagSeen(repositories[repository]?.name ?? '', tag);
  return { bytes, again };
}

/** The ids of the rows' digests; -1 of those that have none. */
function idsOf({ digests }: InventoryBuilder, { sections, words }: Answer): Int32Array {
  const ids = new Int32Array(sections.at(-1)?.to ?? 0).fill(-1);
  // Sections follow each other.
  let from = 0;
  let to = 0;
  for (const section of sections) {
    if (section.of === 'tag-attributes' || section.of === 'tag-name') {
      digests.internAll(words, from, to, ids);
      from = section.to;
    }
    to = section.to;
  }
  digests.internAll(words, from, to, ids);
  return ids;
}

function mergeBlobs(
  builder: InventoryBuilder,
  { times, figures }: Answer,
  ids: Int32Array,
  { from, to }: Section,
): number {
  let bytes = 0;
  for (let row = from; row < to; row++) {
    const size = figures[row] ?? 0;
    builder.blobOf(ids[row] ?? -1, size, times[row]);
    bytes += size;
  }
  return bytes;
}

function mergeLinks(
  merging: Merging,
  answer: Answer,
  ids: Int32Array,
  section: Section,
  again: Task[],
): void {
  const { builder, repositories } = merging;
  const { name, directory } = repositories[section.repository] ?? { name: '', directory: '' };
  if (section.of === 'layer') builder.directory(name, '_layers');
  else builder.directory(name, '_manifests', isRevision(section) ? 'revisions' : 'tags');
  if (section.of === 'tag-link' || section.of === 'tag-attributes' || section.of === 'tag-name') {
    const names = mergeKnownTags(merging, answer, ids, section, name);
    if (names.length === 0) return;
    const { repository } = section;
    again.push({
      kind: 'tags',
      repository,
      directory: `${directory}_manifests/tags/`,
      names,
      depth: 'whole',
    });
  } else if (section.of === 'revision-attributes' || section.of === 'revision-name') {
    const digests = mergeKnownRevisions(merging, answer, ids, section, name);
    if (digests.length === 0) return;
    const { repository } = section;
    again.push({
      kind: 'leaves',
      of: 'revision',
      repository,
      directory: `${directory}_manifests/revisions/sha256/`,
      digests,
    });
  } else {
    addLinks(builder, answer, ids, section, name);
  }
}

function isRevision({ of }: Section): boolean {
  return of === 'revision' || of === 'revision-attributes' || of === 'revision-name';
}

function addLinks(
  builder: InventoryBuilder,
  { times, figures, owners, tagNames }: Answer,
  ids: Int32Array,
  { of, from, to }: Section,
  name: string,
): void {
  const { index, tags } = builder.repository(name);
  for (let row = from; row < to; row++) {
    const id = ids[row] ?? -1;
    const modified = times[row];
    const tag = tagNames[owners[row] ?? -1] ?? '';
    if (of === 'layer') builder.layers.own.add(index, id, id, modified);
    else if (of === 'revision') builder.revisions.add(index, id, id, modified, figures[row]);
    else if (of === 'history') builder.historyOf(index, tag, id, modified);
    else tags.push({ name: tag, target: id, modified, changed: figures[row] });
  }
}

/** Adds tags that are as they were. Returns the names of the others. */
function mergeKnownTags(
  { builder, earlier }: Merging,
  { times, figures, owners, tagNames }: Answer,
  ids: Int32Array,
  { of, from, to }: Section,
  name: string,
): string[] {
  const { tags } = builder.repository(name);
  const known = earlier?.repository(name);
  const others: string[] = [];
  for (let row = from; row < to; row++) {
    const tag = tagNames[owners[row] ?? -1] ?? '';
    const modified = times[row];
    const changed = figures[row];
    if (of !== 'tag-link') {
      const same = known?.tag(tag, of === 'tag-name' ? undefined : { modified, changed });
      if (same === undefined) others.push(tag);
      else tags.push(same);
    } else {
      const target = ids[row] ?? -1;
      const same = known?.tagThatNames(tag, target, modified);
      if (same === undefined) others.push(tag);
      else tags.push({ name: same.name, target, modified, changed });
    }
  }
  return others;
}

/** Adds revisions that are as they were. Returns the digests of the others. */
function mergeKnownRevisions(
  { builder, earlier }: Merging,
  { words, times, figures }: Answer,
  ids: Int32Array,
  { of, from, to }: Section,
  name: string,
): Int32Array<ArrayBuffer> {
  const { index } = builder.repository(name);
  const known = earlier?.repository(name);
  const others: number[] = [];
  for (let row = from; row < to; row++) {
    const id = ids[row] ?? -1;
    const seen = { modified: times[row], changed: figures[row] };
    const same = known?.revision(id, of === 'revision-name' ? undefined : seen);
    if (same === undefined) others.push(row);
    else builder.revisions.add(index, id, id, same.modified, same.changed);
  }
  const digests = new Int32Array(others.length * digestWords);
  for (const [place, row] of others.entries())
    digests.set(words.subarray(row * digestWords, (row + 1) * digestWords), place * digestWords);
  return digests;
}
