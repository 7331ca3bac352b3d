import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { placeOf } from '../registry/layout.ts';
import type { Left } from './apply.ts';

/**
 * 1 for every digest that references which could not be removed still lead to: what they name, and whatever that names in
 * turn, as far as it is known. A tag history keeps nothing alive, and still what it names stays as long as it is there.
 */
export function leftBehind(inventory: Inventory, left: readonly Left[]): Uint8Array {
  const reached = new Uint8Array(inventory.digestCount);
  /** Layer links, by repository: what one leads to, its content tells, which is not always its path. */
  const links = new Map<string, Set<DigestId>>();
  for (const { key } of left) {
    const place = placeOf(key);
    switch (place.kind) {
      case 'tag': {
        const tags = inventory.repository(place.repository)?.tags;
        reach(inventory, tags?.find(({ name }) => name === place.tag)?.target ?? -1, reached);
        break;
      }
      case 'tag-history':
      case 'revision':
        reach(inventory, inventory.find(place.digest), reached);
        break;
      case 'layer-link': {
        const paths = links.get(place.repository) ?? new Set();
        links.set(place.repository, paths.add(inventory.find(place.digest)));
        break;
      }
      default:
    }
  }
  for (const [name, paths] of links) linked(inventory, inventory.repository(name), paths, reached);
  return reached;
}

function reach(inventory: Inventory, from: DigestId, reached: Uint8Array): void {
  const next = [from];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (id === -1 || reached[id] === 1) continue;
    reached[id] = 1;
    const manifest = inventory.manifest(id);
    if (manifest?.state !== 'ok') continue;
    for (const one of manifest.blobs) next.push(one);
    for (const one of manifest.children) next.push(one);
    for (const one of manifest.foreign) next.push(one);
  }
}

function linked(
  inventory: Inventory,
  repository: Repository | undefined,
  paths: ReadonlySet<DigestId>,
  reached: Uint8Array,
): void {
  if (repository === undefined) return;
  inventory.eachLayerLink(repository, (path, target) => {
    if (!paths.has(path)) return;
    reach(inventory, path, reached);
    reach(inventory, target, reached);
  });
}
