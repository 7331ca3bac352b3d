import type { DigestId, Inventory, Oddity, Repository } from '../inventory/inventory.ts';
import { type Digest, parseDigest, splitDigest } from '../registry/digest.ts';
import { keyOf, placeOf } from '../registry/layout.ts';
import { type Damage, findDamage } from './damage.ts';
import { IdSet } from './id-set.ts';
import { kinds } from './kinds.ts';

/**
 * Names of the repositories that are damaged, each of which can be left as it is. What can be left so is damage to what
 * a repository holds (see `kinds`), as long as everything that the repository links to is known: then it can be spared.
 *
 * What is not told here remains a reason to refuse: what belongs to no repository (half a storage, a wrong mount,
 * something that is no file among the blobs), what puts all of them in doubt (not one tag), and what hides where it leads
 * to: a symbolic link, a directory that holds links and is no repository by its name, an unreadable link of a layer by
 * its sha512 (only its content tells the sha256 under which the blob is stored).
 */
export function damagedRepositories(inventory: Inventory): ReadonlySet<string> {
  const damaged = new Set<string>();
  for (const damage of findDamage(inventory).damage) {
    const repository = damagedBy(damage);
    if (repository !== undefined) damaged.add(repository);
  }
  for (const oddity of inventory.oddities) {
    const repository = spoiltBy(oddity);
    if (repository !== undefined) damaged.add(repository);
  }
  return damaged;
}

/** The repository that can be left alone because of the damage, if it is any. */
export function damagedBy({ kind, repository }: Damage): string | undefined {
  return kinds[kind].isolates === true ? repository : undefined;
}

/** The repository that can be left alone because of the oddity, if it is any: that in which it is. */
export function spoiltBy({ kind, key }: Oddity): string | undefined {
  if (kinds[kind].isolates !== true) return undefined;
  const place = placeOf(key);
  if (!('repository' in place)) return undefined;
  if (place.kind === 'layer-link' && splitDigest(place.digest).algorithm !== 'sha256') return undefined;
  return place.repository;
}

/**
 * Tells `mark` every digest that isolated repositories link to: by the paths and the contents of their links, readable
 * or not, and all that their readable manifests name, their children wherever they are known.
 */
export function eachLinkedTo(
  inventory: Inventory,
  isolated: ReadonlySet<string>,
  mark: (id: DigestId) => void,
): void {
  if (isolated.size === 0) return;
  const seen = new IdSet(inventory.digestCount);
  const work: DigestId[] = [];
  function follow(id: DigestId): void {
    // A digest that nobody had when this was read has no blob.
    if (id < 0 || id >= inventory.digestCount || seen.has(id)) return;
    seen.add(id);
    work.push(id);
  }
  for (const repository of inventory.repositories) {
    if (isolated.has(repository.name)) eachLinkOf(inventory, repository, follow);
  }
  for (const oddity of inventory.oddities) {
    if (!isolated.has(spoiltBy(oddity) ?? '')) continue;
    for (const digest of digestsAt(oddity)) follow(inventory.find(digest));
  }
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    mark(id);
    const manifest = inventory.manifest(id);
    if (manifest?.state !== 'ok') continue;
    for (const named of manifest.blobs) mark(named);
    for (const named of manifest.foreign) mark(named);
    for (const child of manifest.children) follow(child);
    follow(manifest.subject);
  }
}

function eachLinkOf(inventory: Inventory, repository: Repository, visit: (id: DigestId) => void): void {
  for (const { target } of repository.tags) visit(target);
  inventory.eachRevision(repository, visit);
  inventory.eachHistory(repository, (_tag, id) => visit(id));
  inventory.eachLayerLink(repository, (path, target) => {
    visit(path);
    visit(target);
  });
}

/** The digests that an unreadable link, or what stands in its place, has in its path, and in its content where that is told. */
function digestsAt({ key, detail }: Oddity): Digest[] {
  const place = placeOf(key);
  const named = parseDigest(detail.replace(/^names /, ''));
  return [...('digest' in place ? [place.digest] : []), ...(named === undefined ? [] : [named])];
}

/**
 * Whether the key lies in an isolated repository, or in a directory of its own that is no repository: nothing there may
 * be removed. Repositories nested in it are others.
 */
export function isLeftAlone(isolated: ReadonlySet<string>, key: string): boolean {
  if (isolated.size === 0) return false;
  const place = placeOf(key);
  if ('repository' in place && place.repository !== undefined) return isolated.has(place.repository);
  for (const name of isolated) if (key.startsWith(keyOf.repository(name))) return true;
  return false;
}
