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
  const named = new Int32Array(contents.references.length / digestWords);
  builder.digests.internAll(contents.references, 0, named.length, named);
  let next = 0;
  let said = 0;
  for (let at = 0; at < heads.length; at += headWidth) {
    const id = ids[first + at / headWidth] ?? -1;
    const kind = manifestKinds[(heads[at + head.state] ?? 0) - 1];
    if (kind === undefined) {
      left.push(id);
      continue;
    }
    const count = (of: keyof typeof head): number => heads[at + head[of]] ?? 0;
    const take = (of: keyof typeof head): Int32Array => {
      const from = next;
      next += count(of);
      return next === from ? none : named.subarray(from, next);
    };
    const children = take('children');
    const blobs = take('blobs');
    const foreign = take('foreign');
    const [subject = -1] = take('subject');
    const manifest: Manifest = {
      state: 'ok',
      kind,
      mediaType: mediaTypes[count('mediaType')] ?? '',
      size: count('size'),
      children,
      blobs,
      foreign,
      subject,
      wrongSizes: noneWrong,
    };
    const isRight = haveSizes(builder, blobs, contents.said, said);
    said += blobs.length;
    if (isRight) builder.manifest(id, manifest);
    else left.push(id);
  }
  return left;
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
