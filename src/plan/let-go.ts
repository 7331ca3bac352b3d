import { digestTableOf } from '../inventory/digest-table.ts';
import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { IdSet } from './id-set.ts';
import type { Plan } from './plan.ts';
import { RemovalTable } from './removal-table.ts';

/** What an earlier plan let go of one repository, in the ids of the later inventory. */
export interface LetGoOf {
  readonly revisions: IdSet;
  readonly layerLinks: IdSet;
  hasHistory(tag: string, id: DigestId): boolean;
}

/** What an earlier plan let go. */
export interface LetGo {
  /** It holds until the next repository is asked for. */
  of(repository: Repository): LetGoOf;
  readonly blobs: IdSet;
  /** Keys of uploads and of empty repositories: there are few. */
  readonly keys: ReadonlySet<string>;
}

/**
 * What `first` let go. Repositories are the same by name, digests by what they are: a second look that was read on top
 * of the first one shares its ids, so that nothing but integers is compared; those of any other are translated one by
 * one.
 */
export function letGo(first: Plan, inventory: Inventory): LetGo {
  const { remove } = first;
  if (!(remove instanceof RemovalTable))
    throw new TypeError('an earlier plan must be one that makePlan made');
  const before = first.kept.inventory;
  const same = digestTableOf(before) === digestTableOf(inventory);
  const idOf = (id: DigestId): DigestId => (same ? id : inventory.find(before.digest(id)));
  const size = inventory.digestCount;
  const revisions = new IdSet(size);
  const layerLinks = new IdSet(size);
  const blobs = new IdSet(size);
  remove.eachBlob((id) => blobs.add(idOf(id)));
  const keys = new Set<string>();
  for (const kind of ['upload', 'repository'] as const) for (const { key } of remove.of(kind)) keys.add(key);
  return {
    of({ name }) {
      const index = before.repository(name)?.index;
      const history = new Map<string, Set<DigestId>>();
      revisions.clear();
      layerLinks.clear();
      if (index !== undefined) {
        remove.eachId('revision', index, (id) => revisions.add(idOf(id)));
        remove.eachId('layer-link', index, (id) => layerLinks.add(idOf(id)));
        remove.eachId('tag-history', index, (id, tag) => {
          const ids = history.get(tag);
          if (ids === undefined) history.set(tag, new Set([idOf(id)]));
          else ids.add(idOf(id));
        });
      }
      return { revisions, layerLinks, hasHistory: (tag, id) => history.get(tag)?.has(id) === true };
    },
    blobs,
    keys,
  };
}
