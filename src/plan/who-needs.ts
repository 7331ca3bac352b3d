import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';

/** A repository, and its tag that needs something; null where only an untagged manifest does. */
export interface Needer {
  readonly repository: string;
  readonly tag: string | null;
}

/** Anything that tells whether it has an id: what is asked for. */
interface Wanted {
  has(id: DigestId): boolean;
}

/** Who needs each of `blobs`, a tag if there is one; blobs that no manifest is made of are left out. */
export function whoNeeds(inventory: Inventory, blobs: ReadonlySet<DigestId>): Map<DigestId, Needer> {
  const needers = new Map<DigestId, Needer>();
  if (blobs.size === 0) return needers;
  for (const repository of inventory.repositories) {
    walk(inventory, repository, blobs, (id, tag) => {
      const known = needers.get(id);
      if (known === undefined || (known.tag === null && tag !== null)) {
        needers.set(id, { repository: repository.name, tag });
      }
    });
  }
  return needers;
}

/** A tag of `repository` for each of `wanted` that one of its tags needs. */
export function tagsThatNeed(
  inventory: Inventory,
  repository: Repository,
  wanted: Wanted,
): Map<DigestId, string> {
  const tags = new Map<DigestId, string>();
  walk(inventory, repository, wanted, (id, tag) => {
    if (tag !== null && !tags.has(id)) tags.set(id, tag);
  });
  return tags;
}

/** Tells of every wanted blob that a manifest of `repository` is, or names, with the tag that leads there; tags first. */
function walk(
  inventory: Inventory,
  repository: Repository,
  wanted: Wanted,
  tell: (id: DigestId, tag: string | null) => void,
): void {
  const links = new Map<DigestId, DigestId>();
  inventory.eachLayerLink(repository, (path, target) => links.set(path, target));
  const seen = new Set<DigestId>();

  function note(id: DigestId, tag: string | null): void {
    if (wanted.has(id)) tell(id, tag);
  }

  function follow(id: DigestId, tag: string | null): void {
    if (seen.has(id)) return;
    seen.add(id);
    note(id, tag);
    const manifest = inventory.manifest(id);
    if (manifest?.state !== 'ok') return;
    for (const named of [...manifest.blobs, ...manifest.foreign]) note(links.get(named) ?? named, tag);
    for (const child of manifest.children) follow(child, tag);
  }

  for (const { name, target } of repository.tags) follow(target, name);
  inventory.eachRevision(repository, (id) => follow(id, null));
}
