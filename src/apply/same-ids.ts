import { digestTableOf } from '../inventory/digest-table.ts';
import type { DigestId, Inventory } from '../inventory/inventory.ts';

/**
 * Which id `to` has for a digest of `from`; -1 where it knows none. Two readings of which one went on with the ids of the
 * other are compared so without a digest's text, which would be most of the work.
 */
export function idsIn(from: Inventory, to: Inventory): (id: DigestId) => DigestId {
  if (digestTableOf(from) === digestTableOf(to)) return (id) => id;
  return (id) => to.find(from.digest(id));
}
