import type { Oddity } from '../inventory/inventory.ts';
import type { Damage } from './damage.ts';

/**
 * How bad it is. `error`: something that a tag needs is missing or damaged. `obstacle`: no tag is harmed, but the
 * registry's collector would fail, or sweep what must stay, so a run refuses. `warning`: it harms nothing.
 */
export type Severity = 'error' | 'obstacle' | 'warning';

export type FindingKind =
  | Damage['kind']
  | Oddity['kind']
  | 'blob-corrupt'
  | 'blob-unreadable'
  | 'half-a-storage'
  | 'no-layers-directory'
  | 'no-tags'
  | 'other-algorithm'
  | 'schema1'
  | 'orphan-revisions'
  | 'orphan-layer-links'
  | 'run-left-open';

interface Kind {
  readonly severity: Severity;
  /** Where no tag needs it; as `severity` by default. */
  readonly untagged?: Severity;
  /** In a pull-through cache, which has no more than was asked for and is never collected; as elsewhere by default. */
  readonly cached?: Severity;
  /**
   * With the native collector, where that does not stumble over it. `none`: nothing is to be told, since registries make
   * and serve it themselves. As with the registry's own by default.
   */
  readonly native?: 'warning' | 'none';
  /**
   * It is damage to one repository, all of whose links are known still: that can be left alone, and the others cleaned
   * (`Policy.damage`).
   */
  readonly isolates?: true;
  /** What it is, in a few words. */
  readonly means: string;
  /** What to do about it. */
  readonly cure: string;
}

// Its cache of descriptors outlives what they describe, and makes clients skip what is gone.
const pushAgain = 'Restart the registry, which may remember what is gone, and push the image again';
const restore = 'or restore the file from a backup';
const byDigest =
  'Delete the manifest by its digest (where the registry allows deletion; otherwise remove its link below _manifests/revisions while the registry is stopped); tags that name it go with it.';

/** Every kind of finding there is: the one table that `check`, a run's guards and the documents are made from. */
export const kinds: Readonly<Record<FindingKind, Kind>> = {
  'tag-without-revision': {
    severity: 'error',
    cached: 'warning',
    isolates: true,
    means: 'a tag names a manifest that its repository does not have',
    cure: `${pushAgain}, or remove the directory of the tag.`,
  },
  'tag-through-layers': {
    severity: 'error',
    isolates: true,
    means: 'a tag names a manifest that is linked as a layer only, as registry 2.1.0 did',
    cure: 'Push the image again: current registries do not serve what is linked so, and their collector sweeps it.',
  },
  'manifest-missing': {
    severity: 'error',
    cached: 'warning',
    isolates: true,
    means: 'a manifest that a tag needs is gone',
    cure: `${pushAgain}, ${restore}, or delete the manifest that the tag names by its digest.`,
  },
  'manifest-damaged': {
    severity: 'error',
    untagged: 'obstacle',
    isolates: true,
    means: 'the bytes of a manifest are not those that its digest names',
    cure: 'Stop the registry, remove the file, start it and push the image again (a registry never overwrites a blob); or delete the manifest by its digest if nobody needs it.',
  },
  'manifest-invalid': {
    severity: 'obstacle',
    isolates: true,
    means: "a manifest was stored as it was pushed, but the registry's collector cannot be trusted with it",
    cure: byDigest,
  },
  'manifest-unknown': {
    severity: 'obstacle',
    isolates: true,
    means: 'a manifest is of no known kind, so nobody knows what it needs',
    cure: byDigest,
  },
  'blob-missing': {
    severity: 'error',
    cached: 'warning',
    isolates: true,
    means: 'a config or layer that a tag needs is gone',
    cure: `${pushAgain}, ${restore}, or delete the manifest that the tag names by its digest.`,
  },
  'blob-size': {
    severity: 'error',
    isolates: true,
    means: 'a config or layer that a tag needs is cut off, or longer than it was',
    cure: 'Stop the registry, remove the file, start it and push the image again (a registry never overwrites a blob).',
  },
  'wrong-descriptor': {
    severity: 'warning',
    means: 'a manifest says another size of a blob than it has; the blob is whole',
    cure: 'Some clients refuse to pull it. Build and push the image again where that matters.',
  },
  'blob-corrupt': {
    severity: 'error',
    untagged: 'warning',
    means: 'the bytes of a blob do not hash to its name',
    cure: 'Stop the registry, remove the file, start it and push an image that has it again (a registry never overwrites a blob).',
  },
  'blob-unreadable': {
    severity: 'error',
    untagged: 'warning',
    means: 'the disk cannot read a blob',
    cure: `Check the disk and its file system. Then push an image that has it again, ${restore}.`,
  },
  'layer-link-missing': {
    severity: 'error',
    cached: 'warning',
    isolates: true,
    means: 'a config or layer that a tag needs is there, but its link in the repository is missing',
    cure: `${pushAgain}.`,
  },
  'sparse-index': {
    severity: 'warning',
    means: 'an index names this manifest, which its repository does not have',
    cure: 'Nothing, if it was pushed so on purpose; otherwise push the index again with all its children.',
  },
  'malformed-link': {
    severity: 'error',
    untagged: 'obstacle',
    isolates: true,
    means: 'the content of a link is no digest',
    cure: 'Push the image again if anybody needs it; otherwise remove the link.',
  },
  'link-mismatch': {
    severity: 'error',
    untagged: 'obstacle',
    isolates: true,
    means: 'the link of a manifest names another one than its path',
    cure: 'Push the image again if anybody needs it; otherwise remove the link.',
  },
  misplaced: {
    severity: 'obstacle',
    // No registry serves anything by it, and the native collector takes blobs of its plan alone.
    native: 'warning',
    means: 'a file is named as the registry names its own, in a place where the collector fails on it',
    cure: 'Move it out of the storage.',
  },
  'invalid-repository': {
    severity: 'obstacle',
    means: 'a directory looks like a repository, but has no name that one can have',
    cure: 'Move it out of the storage, or give it the name of a repository.',
  },
  symlink: {
    severity: 'obstacle',
    means: 'a symbolic link: what is behind it is neither looked at nor proved to be there afterwards',
    cure: 'Put the data itself there, or bind-mount it.',
  },
  special: {
    severity: 'error',
    untagged: 'obstacle',
    isolates: true,
    means: 'neither a file nor a directory: whoever opens it may wait for ever',
    cure: 'Move it out of the storage; push the image again if a tag needs what should be there.',
  },
  'no-layers-directory': {
    severity: 'obstacle',
    cached: 'warning',
    native: 'none',
    means:
      'a repository has no _layers directory: the collector fails on it (3.x) or sweeps its images (2.x)',
    cure: 'Create the empty directory, owned by the user that the registry runs as.',
  },
  'half-a-storage': {
    severity: 'error',
    means: 'half of the storage is not there',
    cure: 'Mount it, or restore it.',
  },
  'no-tags': {
    severity: 'obstacle',
    cached: 'warning',
    means: 'there are manifests, but not one tag in the whole registry: everything would go',
    cure: 'If that is what you want, say --unsafe-allow-no-tags.',
  },
  'other-algorithm': {
    severity: 'obstacle',
    native: 'none',
    means:
      'a manifest names a blob by another digest than the sha256 that it is stored by: the collector sweeps it',
    cure: 'Push the image again with sha256 digests, and delete this manifest by its digest.',
  },
  schema1: {
    severity: 'obstacle',
    native: 'none',
    means: 'a manifest of schema 1, on which the collector of registry 3 fails',
    cure: 'Push the image again with a current client and delete this one, or collect with registry 2.8.',
  },
  stray: {
    severity: 'warning',
    means: "not the registry's; it is left alone",
    cure: 'Move it out of the storage when nobody needs it.',
  },
  temporary: {
    severity: 'warning',
    means: 'left over by a write that was cut off; it is left alone',
    cure: 'It may be removed while the registry is stopped.',
  },
  'tag-without-current': {
    severity: 'warning',
    means: 'a tag that resolves to nothing; it keeps nothing alive',
    cure: 'Push the tag again, or remove its directory.',
  },
  'malformed-history': {
    severity: 'warning',
    means: 'the history of a tag cannot be read; nobody needs it',
    cure: 'Nothing: the next push of the tag writes it anew.',
  },
  'orphan-revisions': {
    severity: 'warning',
    means: 'links of manifests that are gone and that no tag needs',
    cure: 'Nothing: the next run removes them.',
  },
  'orphan-layer-links': {
    severity: 'warning',
    means: 'links of blobs that are gone and that no tag needs',
    cure: 'Nothing: the next run removes them.',
  },
  'run-left-open': {
    severity: 'warning',
    means: 'a run died and has not been recovered',
    cure: 'Recover it first: what else was found may be owed to it.',
  },
};

/** How bad a finding of the kind is: `needed` tells whether a tag needs it. */
export function severityOf(kind: FindingKind, needed: boolean): Severity {
  const { severity, untagged = severity } = kinds[kind];
  return needed ? severity : untagged;
}
