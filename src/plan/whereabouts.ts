import type { DigestId, Inventory, Oddity } from '../inventory/inventory.ts';
import { onTheWay } from '../inventory/on-the-way.ts';

/** What stands where something else should be, or on the way there: it, and not what is behind it, is to be mended. */
const standsInTheWay: ReadonlySet<Oddity['kind']> = new Set([
  'malformed-link',
  'link-mismatch',
  'symlink',
  'special',
]);

/** Tells the key of the oddity that stands at a key, or on the way there. */
export function thingsInTheWay(inventory: Inventory): (key: string) => string | undefined {
  const keys = new Set<string>();
  for (const { kind, key } of inventory.oddities) if (standsInTheWay.has(kind)) keys.add(key);
  return (key) => (keys.size === 0 ? undefined : onTheWay(key, (place) => keys.has(place)));
}

/** Which repository has a manifest, any of them; looked for only once somebody asks. */
export function homesOf(inventory: Inventory): (id: DigestId) => string | undefined {
  let homes: Map<DigestId, string> | undefined;
  return (id) => {
    if (homes === undefined) {
      homes = new Map();
      for (const repository of inventory.repositories) {
        inventory.eachRevision(repository, (revision) => homes?.set(revision, repository.name));
      }
    }
    return homes.get(id);
  };
}
