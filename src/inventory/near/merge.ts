import type { InventoryBuilder } from '../builder.ts';
import { digestWords } from '../digest-table.ts';
import type { Answer, Section } from './task.ts';

/** Adds what tasks have found in repositories (`names`, by their numbers) and among blobs. Returns the blobs' bytes. */
export function mergeRows(builder: InventoryBuilder, answer: Answer, names: readonly string[]): number {
  let bytes = 0;
  for (const section of answer.sections) {
    if (section.of === 'blob') bytes += mergeBlobs(builder, answer, section);
    else mergeLinks(builder, answer, section, names[section.repository] ?? '');
  }
  for (const { repository, tag } of answer.tagsSeen) builder.tagSeen(names[repository] ?? '', tag);
  return bytes;
}

function mergeBlobs(builder: InventoryBuilder, answer: Answer, { from, to }: Section): number {
  const { words, times, sizes } = answer;
  let bytes = 0;
  for (let row = from; row < to; row++) {
    const size = sizes[row] ?? 0;
    builder.blobOf(builder.digests.internWords(words, row * digestWords), size, times[row]);
    bytes += size;
  }
  return bytes;
}

function mergeLinks(builder: InventoryBuilder, answer: Answer, section: Section, name: string): void {
  const { words, times, owners, tagNames } = answer;
  const { digests } = builder;
  const { index, tags } = builder.repository(name);
  if (section.of === 'layer') builder.directory(name, '_layers');
  else builder.directory(name, '_manifests', section.of === 'revision' ? 'revisions' : 'tags');
  for (let row = section.from; row < section.to; row++) {
    const id = digests.internWords(words, row * digestWords);
    const modified = times[row];
    const tag = tagNames[owners[row] ?? -1] ?? '';
    if (section.of === 'layer') builder.layers.own.add(index, id, id, modified);
    else if (section.of === 'revision') builder.revisions.add(index, id, id, modified);
    else if (section.of === 'history') builder.historyOf(index, tag, id, modified);
    else tags.push({ name: tag, target: id, modified });
  }
}
