import type { Inventory } from '../inventory/inventory.ts';
import { keyOf } from '../registry/layout.ts';
import type { DamageFound } from './damage.ts';

/** Links of one repository that lead to nothing, and that no tag needs. */
export interface Orphans {
  readonly kind: 'orphan-revisions' | 'orphan-layer-links';
  readonly repository: string;
  /** Of the first of them. */
  readonly key: string;
  readonly count: number;
}

/**
 * Links to manifests and blobs that are gone, counted per repository: a registry that was collected for years without
 * being cleaned has them by the hundred thousand. What a tag needs is damage, and not among them.
 */
export function findOrphans(inventory: Inventory, { damage, inTheWay }: DamageFound): Orphans[] {
  const told = new Set(damage.map(({ key, repository }) => `${repository} ${key}`));
  const orphans: Orphans[] = [];
  for (const repository of inventory.repositories) {
    const { name } = repository;
    const revisions = counter('orphan-revisions', name);
    const layerLinks = counter('orphan-layer-links', name);
    const isOrphan = (blob: string): boolean => !told.has(`${name} ${blob}`) && inTheWay(blob) === undefined;
    inventory.eachRevision(repository, (id) => {
      const digest = inventory.digest(id);
      if (inventory.manifest(id)?.state === 'missing' && isOrphan(keyOf.blob(digest))) {
        revisions.add(keyOf.revision(name, digest));
      }
    });
    inventory.eachLayerLink(repository, (path, target) => {
      if (!inventory.hasBlob(target) && isOrphan(keyOf.blob(inventory.digest(target)))) {
        layerLinks.add(keyOf.layerLink(name, inventory.digest(path)));
      }
    });
    orphans.push(...revisions.found(), ...layerLinks.found());
  }
  return orphans;
}

function counter(
  kind: Orphans['kind'],
  repository: string,
): { readonly add: (key: string) => void; readonly found: () => Orphans[] } {
  let key = '';
  let count = 0;
  return {
    add: (one) => {
      if (count++ === 0) key = one;
    },
    found: () => (count === 0 ? [] : [{ kind, repository, key, count }]),
  };
}
