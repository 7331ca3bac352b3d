import type { BlobTable } from './blob-table.ts';
import { type DigestTable, useDigestTable } from './digest-table.ts';
import type { DigestId, Inventory, Manifest, Oddity, Repository } from './inventory.ts';
import type { LayerLinks, LinkTable } from './link-table.ts';

/** What a reading has found. Nothing is added to it any more. */
export interface Parts {
  readonly digests: DigestTable;
  readonly repositories: readonly Repository[];
  readonly revisions: LinkTable;
  readonly layers: LayerLinks;
  /** Its `path` is the number of a tag's name. */
  readonly history: LinkTable;
  readonly tagNames: readonly string[];
  readonly blobs: BlobTable;
  readonly manifests: ReadonlyMap<DigestId, Manifest>;
  readonly oddities: readonly Oddity[];
  readonly emptyDirectories: readonly string[];
}

const partsOf = new WeakMap<Inventory, Parts>();

/** What `inventory` is made of, so that a later reading can go on with it. */
export function openInventory(inventory: Inventory): Pick<Parts, 'layers' | 'blobs'> {
  const parts = partsOf.get(inventory);
  if (parts === undefined) throw new TypeError('an inventory that nobody has read');
  return parts;
}

export function closeInventory(parts: Parts): Inventory {
  const { digests, repositories, revisions, layers, history, tagNames, blobs, manifests } = parts;
  const byName = new Map(repositories.map((repository) => [repository.name, repository]));
  const revisionSets = new Map<number, ReadonlySet<DigestId>>();
  function revisionSet({ index }: Repository): ReadonlySet<DigestId> {
    const known = revisionSets.get(index);
    if (known !== undefined) return known;
    const ids = new Set<DigestId>();
    for (const row of revisions.rows(index)) ids.add(revisions.target(row));
    revisionSets.set(index, ids);
    return ids;
  }
  const inventory: Inventory = {
    counts: {
      repositories: repositories.length,
      tags: repositories.reduce((sum, { tags }) => sum + tags.length, 0),
      manifests: revisions.length,
      layerLinks: layers.length,
      blobs: blobs.length,
      bytes: blobs.bytes,
    },
    repositories,
    oddities: parts.oddities,
    emptyDirectories: parts.emptyDirectories,
    digestCount: digests.size,
    digest: (id) => digests.text(id),
    find: (digest) => digests.find(digest),
    repository: (name) => byName.get(name),
    hasBlob: (id) => blobs.has(id),
    blobSize: (id) => blobs.size(id) ?? 0,
    blobModified: (id) => blobs.modified(id),
    eachBlob: (visit) => blobs.each(visit),
    eachRevision: ({ index }, visit) => {
      for (const row of revisions.rows(index)) visit(revisions.target(row), revisions.modified(row));
    },
    hasRevision: (repository, id) => revisionSet(repository).has(id),
    eachLayerLink: ({ index }, visit) => layers.each(index, visit),
    eachHistory: ({ index }, visit) => {
      for (const row of history.rows(index)) {
        visit(tagNames[history.path(row)] ?? '', history.target(row), history.modified(row));
      }
    },
    manifest: (id) => manifests.get(id),
  };
  useDigestTable(inventory, digests);
  partsOf.set(inventory, parts);
  return inventory;
}
