import type { InventoryBuilder } from '../builder.ts';
import { digestWords } from '../digest-table.ts';
import type { DigestId, Manifest } from '../inventory.ts';
import { noneWrong } from '../read-manifest.ts';
import { type Contents, head, headWidth, manifestKinds } from './task.ts';

const none = new Int32Array(0);

/**
 * Adds the manifests of a task, `ids` being those of all tasks. Returns the ids of those that are left to be read one by
 * one: what is wrong with them, or with what they name, is to be told exactly.
 */
export function mergeManifests(
  builder: InventoryBuilder,
  contents: Contents,
  ids: readonly DigestId[],
): DigestId[] {
  const { first, heads, mediaTypes } = contents;
  const left: DigestId[] = [];
  const references = { at: 0, said: 0 };
  for (let at = 0; at < heads.length; at += headWidth) {
    const id = ids[first + at / headWidth] ?? -1;
    const kind = manifestKinds[(heads[at + head.state] ?? 0) - 1];
    if (kind === undefined) {
      left.push(id);
      continue;
    }
    const count = (of: keyof typeof head): number => heads[at + head[of]] ?? 0;
    const children = intern(builder, contents, references, count('children'));
    const blobs = intern(builder, contents, references, count('blobs'));
    const foreign = intern(builder, contents, references, count('foreign'));
    const subject = intern(builder, contents, references, count('subject'));
    const manifest: Manifest = {
      state: 'ok',
      kind,
      mediaType: mediaTypes[count('mediaType')] ?? '',
      size: count('size'),
      children,
      blobs,
      foreign,
      subject: subject[0] ?? -1,
      wrongSizes: noneWrong,
    };
    const isRight = haveSizes(builder, blobs, contents.said, references.said);
    references.said += blobs.length;
    if (isRight) builder.manifest(id, manifest);
    else left.push(id);
  }
  return left;
}

function intern(
  { digests }: InventoryBuilder,
  contents: Contents,
  references: { at: number },
  count: number,
): Int32Array {
  if (count === 0) return none;
  const ids = new Int32Array(count);
  for (let i = 0; i < count; i++)
    ids[i] = digests.internWords(contents.references, references.at + i * digestWords);
  references.at += count * digestWords;
  return ids;
}

/** Whether the blobs that are there have the sizes that the manifest says. */
function haveSizes(builder: InventoryBuilder, blobs: Int32Array, said: Float64Array, from: number): boolean {
  for (let i = 0; i < blobs.length; i++) {
    const size = said[from + i] ?? Number.NaN;
    // Zero says nothing: programs in Go write it for a size left out.
    if (Number.isNaN(size) || size === 0) continue;
    const actual = builder.blobSize(blobs[i] ?? -1);
    if (actual !== undefined && actual !== size) return false;
  }
  return true;
}
