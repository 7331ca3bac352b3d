import type { Applied } from '../apply/apply.ts';
import type { Collection } from '../apply/collector.ts';
import type { Tidied } from '../apply/tidy.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { Plan } from '../plan/plan.ts';
import type { Digest } from '../registry/digest.ts';
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
  inventory.eachBlob((id, size) => {
    const now = after.find(inventory.digest(id));
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
  let gone = 0;
  for (const repository of before.repositories) {
    const left = new Set<Digest>();
    const now = after.repository(repository.name);
    if (now !== undefined) after.eachLayerLink(now, (path) => left.add(after.digest(path)));
    before.eachLayerLink(repository, (path) => {
      if (!left.has(before.digest(path))) gone++;
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
  const { inventory } = plan.kept;
  let stayed = 0;
  sweeps.forEach((announced, id) => {
    if (announced === 1 && after.hasBlob(after.find(inventory.digest(id)))) stayed++;
  });
  return stayed;
}
