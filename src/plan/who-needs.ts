import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';

/** A repository, and its tag that needs something; null where only an untagged manifest does. */
export interface Needer {
  readonly repository: string;
  readonly tag: string | null;
}

/** Who needs each of `blobs`, a tag if there is one; blobs that no manifest is made of are left out. */
export function whoNeeds(inventory: Inventory, blobs: ReadonlySet<DigestId>): Map<DigestId, Needer> {
  const needers = new Map<DigestId, Needer>();
  for (const repository of inventory.repositories) noteNeeds(inventory, repository, blobs, needers);
  return needers;
}

function noteNeeds(
  inventory: Inventory,
  repository: Repository,
  blobs: ReadonlySet<DigestId>,
  needers: Map<DigestId, Needer>,
): void {
  const links = new Map<DigestId, DigestId>();
  inventory.eachLayerLink(repository, (path, target) => links.set(path, target));
  const seen = new Set<DigestId>();

  function note(id: DigestId, tag: string | null): void {
    if (!blobs.has(id)) return;
    const known = needers.get(id);
    if (known === undefined || (known.tag === null && tag !== null)) {
      needers.set(id, { repository: repository.name, tag });
    }
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
