import type { DigestId, Inventory } from '../inventory/inventory.ts';
import type { IdSet } from './id-set.ts';
import type { Policy } from './plan.ts';
import { isYoung } from './reachability.ts';

/** What decides about blobs beside what is marked. */
export interface BlobRules {
  readonly policy: Policy;
  readonly native: boolean;
  /** What young layer links lead to; there are none but with the native collector. */
  readonly awaited: IdSet;
  /** What an earlier look let go; undefined without one. */
  readonly mayGo: IdSet | undefined;
}

/** Of blobs that go, and of young ones: how many, and their bytes. */
export interface BlobFigures {
  readonly gone: { readonly blobs: number; readonly bytes: number };
  readonly young: { readonly blobs: number; readonly bytes: number };
}

/**
 * Tells `onRemove` every blob that is not marked. The native collector spares what is young, what is awaited, and what an
 * earlier look did not let go; those are marked. The registry's own asks nobody.
 */
export function unnamedBlobs(
  inventory: Inventory,
  marked: Uint8Array,
  { policy, native, awaited, mayGo }: BlobRules,
  onRemove: (id: DigestId, size: number) => void,
): BlobFigures {
  const gone = { blobs: 0, bytes: 0 };
  const young = { blobs: 0, bytes: 0 };
  inventory.eachBlob((id, size, modified) => {
    if (marked[id] === 1) return;
    const isNew = isYoung(modified, policy.now, policy.untaggedKeepWithin) || awaited.has(id);
    if (isNew) {
      young.blobs++;
      young.bytes += size;
    }
    if (native && (isNew || mayGo?.has(id) === false)) {
      marked[id] = 1;
      return;
    }
    gone.blobs++;
    gone.bytes += size;
    onRemove(id, size);
  });
  return { gone, young };
}
