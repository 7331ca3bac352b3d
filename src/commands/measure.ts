import type { Applied } from '../apply/apply.ts';
import type { Collection } from '../apply/collector.ts';
import { idsIn } from '../apply/same-ids.ts';
import type { Tidied } from '../apply/tidy.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { Plan } from '../plan/plan.ts';
import type { RemovedTotals } from '../report/document.ts';

/** What went, measured: what the storage answered to removals, and which blobs and layer links are not there any more. */
export function measureRemoved(of: {
  readonly plan: Plan;
  readonly applied: Applied;
  readonly tidied: Tidied;
  readonly after: Inventory;
  /** Swept blobs that the inventory did not know. */
  readonly unknown: { readonly blobs: number; readonly bytes: number };
}): RemovedTotals {
  const { plan, applied, tidied, after, unknown } = of;
  const { inventory } = plan.kept;
  let { blobs, bytes } = unknown;
  const idIn = idsIn(inventory, after);
  inventory.eachBlob((id, size) => {
    const now = idIn(id);
    if (now !== -1 && after.hasBlob(now)) return;
    blobs++;
    bytes += size;
  });
  const gone = inventory.repositories.filter(({ name }) => after.repository(name) === undefined);
  return {
    tags: applied.removed.tag,
    manifests: applied.removed.revision,
    layerLinks: linksGone(inventory, after),
    uploads: tidied.uploads,
    repositories: gone.length,
    blobs,
    bytes,
  };
}

/** Registry 3's collector removes layer links, too. */
function linksGone(before: Inventory, after: Inventory): number {
  const idIn = idsIn(before, after);
  /** The repository, by its index and one more, that has a link of that path. */
  const left = new Int32Array(after.digestCount);
  let gone = 0;
  for (const repository of before.repositories) {
    const mark = repository.index + 1;
    const now = after.repository(repository.name);
    if (now !== undefined) {
      after.eachLayerLink(now, (path) => {
        left[path] = mark;
      });
    }
    before.eachLayerLink(repository, (path) => {
      if (left[idIn(path)] !== mark) gone++;
    });
  }
  return gone;
}

/** What has gone as long as the collector has not: for the report of a run that ends early. */
export function referencesRemoved(removed: Applied['removed']): RemovedTotals {
  return {
    tags: removed.tag,
    manifests: removed.revision,
    layerLinks: removed['layer-link'],
    uploads: 0,
    repositories: 0,
    blobs: 0,
    bytes: 0,
  };
}

/** Blobs of which the collector said that they go, and that are there all the same. */
export function countStayed(plan: Plan, { sweeps }: Collection, after: Inventory): number {
  const idIn = idsIn(plan.kept.inventory, after);
  let stayed = 0;
  for (let id = 0; id < sweeps.length; id++) {
    if (sweeps[id] !== 1) continue;
    const now = idIn(id);
    if (now !== -1 && after.hasBlob(now)) stayed++;
  }
  return stayed;
}
