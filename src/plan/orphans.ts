import type { DigestId, Inventory } from '../inventory/inventory.ts';
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
  const nothingElse = told.size === 0 && inventory.oddities.length === 0;
  const orphans: Orphans[] = [];
  for (const repository of inventory.repositories) {
    const { name } = repository;
    const revisions = counter('orphan-revisions', name);
    const layerLinks = counter('orphan-layer-links', name);
    function isOrphan(id: DigestId): boolean {
      if (nothingElse) return true;
      const blob = keyOf.blob(inventory.digest(id));
      return !told.has(`${name} ${blob}`) && inTheWay(blob) === undefined;
    }
    inventory.eachRevision(repository, (id) => {
      if (inventory.manifest(id)?.state === 'missing' && isOrphan(id)) {
        revisions.add(() => keyOf.revision(name, inventory.digest(id)));
      }
    });
    inventory.eachLayerLink(repository, (path, target) => {
      if (!inventory.hasBlob(target) && isOrphan(target)) {
        layerLinks.add(() => keyOf.layerLink(name, inventory.digest(path)));
      }
    });
    orphans.push(...revisions.found(), ...layerLinks.found());
  }
  return orphans;
}

function counter(
  kind: Orphans['kind'],
  repository: string,
): { readonly add: (key: () => string) => void; readonly found: () => Orphans[] } {
  let key = '';
  let count = 0;
  return {
    add: (one) => {
      if (count++ === 0) key = one();
    },
    found: () => (count === 0 ? [] : [{ kind, repository, key, count }]),
  };
}
