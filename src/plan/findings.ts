import type { DigestId, Inventory, Oddity } from '../inventory/inventory.ts';
import { keyOf, placeOf, storageRoot } from '../registry/layout.ts';
import { type Damage, findDamage } from './damage.ts';
import { whoNeeds } from './who-needs.ts';

/** Something that `check` tells. `path` is a storage key. `error`: a tag, or the registry's collector, is harmed. */
export interface StorageFinding {
  readonly severity: 'error' | 'warning';
  readonly kind: string;
  readonly path: string;
  readonly repository: string | null;
  readonly tag: string | null;
  readonly detail: string;
  readonly cure: string;
}

const harmless: ReadonlySet<Oddity['kind']> = new Set([
  'stray',
  'temporary',
  'tag-without-current',
  'malformed-history',
]);

const oddityCure: Record<Oddity['kind'], string> = {
  'malformed-link': 'Push the image again, or remove the link if nobody needs it.',
  'link-mismatch': 'Remove the link, or write the digest of its path into it.',
  misplaced: 'Move it out of the storage: the collector fails on it.',
  'invalid-repository': 'Move it out of the storage, or give it the name of a repository.',
  symlink: 'Put the data itself there, or bind-mount it.',
  special: 'Move it out of the storage.',
  stray: 'Move it out of the storage when nobody needs it.',
  temporary: 'Left over by a write that was cut off; it may be removed while the registry is stopped.',
  'tag-without-current': 'Push the tag again, or remove its directory.',
  'malformed-history': 'Nobody needs it; the next push of the tag writes it anew.',
};

const damageCure: Record<Damage['kind'], string> = {
  'tag-without-revision': 'Push the image again, or delete the tag.',
  'tag-through-layers': 'Push the image again: current registries do not serve what is linked so.',
  'manifest-missing': 'Push the image again or restore the blob from a backup, or delete the tag.',
  'manifest-damaged':
    'Remove the damaged file and push the image again (a registry never overwrites a blob).',
  'manifest-unknown': 'Delete it by its digest if nobody needs it.',
  'blob-missing': 'Push the image again or restore the blob from a backup, or delete the tag.',
  'layer-link-missing': 'Push the image again: the blob is still there, only its link is missing.',
  'sparse-index':
    'Nothing, if it was pushed so on purpose; otherwise push the index again with all its children.',
};

/** Everything that is broken or odd, errors first. `path` of each is a storage key. */
export function findFindings(
  inventory: Inventory,
  registry: { readonly major: number; readonly missingAreas: readonly string[] },
): StorageFinding[] {
  const findings: StorageFinding[] = [
    ...findDamage(inventory).map(fromDamage),
    ...inventory.oddities.map(fromOddity),
    ...withoutLayersDirectory(inventory, registry.major),
  ];
  const { counts } = inventory;
  if (counts.manifests + counts.tags + counts.layerLinks + counts.blobs > 0) {
    for (const area of registry.missingAreas) {
      findings.push({
        severity: 'error',
        kind: 'half-a-storage',
        path: `${storageRoot}${area}`,
        repository: null,
        tag: null,
        detail: 'the directory is not there, although the rest of the storage holds something',
        cure: 'Mount it, or restore it.',
      });
    }
  }
  return errorsFirst(findings);
}

function fromDamage({ kind, key, repository, tag, detail }: Damage): StorageFinding {
  const severity = kind === 'sparse-index' ? 'warning' : 'error';
  return { severity, kind, path: key, repository, tag: tag ?? null, detail, cure: damageCure[kind] };
}

function fromOddity({ kind, key, detail }: Oddity): StorageFinding {
  const severity = harmless.has(kind) ? 'warning' : 'error';
  const place = placeOf(key);
  const repository = ('repository' in place ? place.repository : undefined) ?? null;
  const tag = ('tag' in place ? place.tag : undefined) ?? null;
  return { severity, kind, path: key, repository, tag, detail, cure: oddityCure[kind] };
}

function withoutLayersDirectory(inventory: Inventory, major: number): StorageFinding[] {
  return inventory.repositories
    .filter(({ directories }) => directories.has('_manifests') && !directories.has('_layers'))
    .filter(({ revisionCount }) => major >= 3 || revisionCount > 0)
    .map(({ name }) => ({
      severity: 'error',
      kind: 'no-layers-directory',
      path: keyOf.area(name, '_layers'),
      repository: name,
      tag: null,
      detail:
        'the repository has no _layers directory: the collector fails on it (3.x) or sweeps its images (2.x)',
      cure: 'Create the empty directory, owned by the user that the registry runs as.',
    }));
}

/** Blobs whose content is not what their name says: errors where a manifest names them. */
export function corruptFindings(inventory: Inventory, corrupt: ReadonlySet<DigestId>): StorageFinding[] {
  const needers = whoNeeds(inventory, corrupt);
  return [...corrupt].map((id) => ({
    severity: needers.has(id) ? 'error' : 'warning',
    kind: 'blob-corrupt',
    path: keyOf.blob(inventory.digest(id)),
    repository: needers.get(id)?.repository ?? null,
    tag: needers.get(id)?.tag ?? null,
    detail: 'its bytes do not hash to its name',
    cure: 'Remove the file and push an image that has it again (a registry never overwrites a blob).',
  }));
}

/** Errors first, each sort in its order. */
export function errorsFirst(findings: readonly StorageFinding[]): StorageFinding[] {
  return [
    ...findings.filter(({ severity }) => severity === 'error'),
    ...findings.filter(({ severity }) => severity === 'warning'),
  ];
}
