import type { DigestId, Inventory } from '../inventory/inventory.ts';
import { type Digest, splitDigest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import type { DamageFound } from './damage.ts';
import { finding, type StorageFinding } from './finding.ts';
import { type FindingKind, kinds } from './kinds.ts';
import type { Kept } from './plan.ts';
import { tagsThatNeed } from './who-needs.ts';

/**
 * What registries make and serve themselves, and the collector of a registry of the major version fails on, or sweeps. Of
 * manifests only those that stay are looked at: the others are gone before it runs.
 */
export function collectorHazards(kept: Kept, major: number, found: DamageFound): StorageFinding[] {
  return [
    ...withoutLayersDirectory(kept.inventory, major, found),
    ...otherAlgorithms(kept),
    ...(major >= 3 ? schema1(kept) : []),
  ];
}

function withoutLayersDirectory(
  inventory: Inventory,
  major: number,
  { inTheWay }: DamageFound,
): StorageFinding[] {
  return inventory.repositories
    .filter(({ directories }) => directories.has('_manifests') && !directories.has('_layers'))
    .filter(({ revisionCount }) => major >= 3 || revisionCount > 0)
    .map(({ name }) => ({ repository: name, key: keyOf.area(name, '_layers') }))
    .filter(({ key }) => inTheWay(key) === undefined)
    .map(({ repository, key }) => finding('no-layers-directory', key, { repository }));
}

/** The collector marks the sha512 that the manifest names and sweeps the sha256 under which the blob is stored. */
function otherAlgorithms(kept: Kept): StorageFinding[] {
  return eachKept(kept, (id) => {
    const digest = otherAlgorithmIn(kept.inventory, id);
    if (digest === undefined) return undefined;
    const detail = `the manifest names ${digest}; the collector would sweep it, since it is stored by its sha256`;
    return { kind: 'other-algorithm', detail };
  });
}

/** What is stored by the very digest that the manifest names is marked by it, whatever that is. */
function otherAlgorithmIn(inventory: Inventory, id: DigestId): Digest | undefined {
  const manifest = inventory.manifest(id);
  if (manifest?.state !== 'ok') return undefined;
  for (const list of [manifest.blobs, manifest.children]) {
    for (const named of list) {
      if (inventory.hasBlob(named)) continue;
      const digest = inventory.digest(named);
      if (splitDigest(digest).algorithm !== 'sha256') return digest;
    }
  }
  return undefined;
}

function schema1(kept: Kept): StorageFinding[] {
  return eachKept(kept, (id) => {
    const manifest = kept.inventory.manifest(id);
    if (manifest?.state !== 'ok' || manifest.kind !== 'schema1') return undefined;
    return { kind: 'schema1', detail: kinds.schema1.means };
  });
}

/** A finding for every manifest that stays and is seen to be odd, at its revision link. */
function eachKept(
  { inventory, manifests }: Kept,
  see: (id: DigestId) => { kind: FindingKind; detail: string } | undefined,
): StorageFinding[] {
  return inventory.repositories.flatMap((repository) => {
    const seen = new Map<DigestId, { kind: FindingKind; detail: string }>();
    for (const id of manifests[repository.index]?.keys() ?? []) {
      const odd = see(id);
      if (odd !== undefined) seen.set(id, odd);
    }
    if (seen.size === 0) return [];
    const tags = tagsThatNeed(inventory, repository, seen);
    return [...seen].map(([id, { kind, detail }]) => {
      const manifest = inventory.digest(id);
      const about = { repository: repository.name, tag: tags.get(id) ?? null, manifest, detail };
      return finding(kind, keyOf.revision(repository.name, manifest), about);
    });
  });
}
