import type { BlobTable } from './blob-table.ts';
import { type DigestTable, useDigestTable } from './digest-table.ts';
import type { DigestId, Inventory, Manifest, Oddity, Repository } from './inventory.ts';
import type { LayerLinks, LinkTable } from './link-table.ts';

/** What a reading has found. Nothing is added to it any more. */
export interface Parts {
  /** When the reading began: this machine's clock, ms since the epoch. */
  readonly began: number;
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
export function openInventory(inventory: Inventory): Pick<Parts, 'began' | 'revisions' | 'layers' | 'blobs'> {
  const parts = partsOf.get(inventory);
  if (parts === undefined) throw new TypeError('an inventory that nobody has read');
  return parts;
}

export function closeInventory(parts: Parts): Inventory {
  const { digests, repositories, revisions, layers, history, tagNames, blobs, manifests } = parts;
  const byName = new Map(repositories.map((repository) => [repository.name, repository]));
  /**
   * Of each digest the repository (its index, and one more) that it was last seen to be a revision of: nearly always one
   * repository is asked about after the other.
   */
  let marks: Int32Array | undefined;
  let marked = 0;
  function hasRevision({ index }: Repository, id: DigestId): boolean {
    const mark = index + 1;
    marks ??= new Int32Array(digests.size);
    if (marked !== mark) {
      for (const row of revisions.rows(index)) marks[revisions.target(row)] = mark;
      marked = mark;
    }
    return marks[id] === mark;
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
    hasRevision,
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
