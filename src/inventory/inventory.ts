import type { Digest } from '../registry/digest.ts';
import type { Area } from '../registry/layout.ts';

/** A digest's number in one inventory (and in those read with it as `known`). */
export type DigestId = number;

export interface Tag {
  readonly name: string;
  /** What `current/link` names. */
  readonly target: DigestId;
  /** Time of `current/link`, ms since the epoch. */
  readonly modified: number | undefined;
  /** When the inode of `current/link` was changed last, ms since the epoch; undefined: nobody can tell. */
  readonly changed?: number;
}

export interface Upload {
  readonly repository: string;
  readonly id: string;
  /** The newest time that tells of it (`startedat`, its files), ms since the epoch; undefined: not known, so young. */
  readonly touched: number | undefined;
  /** The newest time of its files, ms since the epoch; what they say is by another clock. Undefined: not known, or no file. */
  readonly changed: number | undefined;
  /** Size of its `data`. */
  readonly bytes: number;
}

export interface Repository {
  readonly index: number;
  readonly name: string;
  /** Which of the registry's directories exist, empty or not. */
  readonly directories: ReadonlySet<Area | 'tags' | 'revisions'>;
  readonly tags: readonly Tag[];
  readonly uploads: readonly Upload[];
  readonly revisionCount: number;
  readonly layerLinkCount: number;
}

/** A blob that has another size than the manifest says. */
export interface WrongSize {
  readonly blob: DigestId;
  /** Bytes, as the manifest says; the blob's own are `blobSize`. */
  readonly said: number;
  /** Its bytes hash to its name: it is the manifest that is wrong. */
  readonly whole: boolean;
}

/** A manifest, with its references as ids. `blobs`: config and layers. `foreign`: layers with URLs, whose absence is no loss. */
export type Manifest =
  | {
      readonly state: 'ok';
      readonly kind: 'image' | 'index' | 'schema1';
      readonly mediaType: string;
      readonly size: number;
      readonly children: Int32Array;
      readonly blobs: Int32Array;
      readonly foreign: Int32Array;
      /** -1 without one. */
      readonly subject: DigestId;
      /** Of `blobs`: those that are there and that it says other sizes of. */
      readonly wrongSizes: readonly WrongSize[];
    }
  /** Its blob is not there, or behind a symbolic link. */
  | { readonly state: 'missing' }
  /** Empty, not JSON, too large, or its bytes do not hash to its name. `whole`: they do, so it was pushed as it is. */
  | { readonly state: 'damaged'; readonly why: string; readonly whole: boolean }
  /** A media type or shape that nobody here knows. */
  | { readonly state: 'unknown'; readonly why: string };

/** Something odd that was met on the way. Guards decide what it means. */
export interface Oddity {
  readonly kind:
    | 'malformed-link'
    | 'malformed-history'
    | 'link-mismatch'
    | 'misplaced'
    | 'invalid-repository'
    | 'symlink'
    | 'special'
    | 'stray'
    | 'temporary'
    | 'tag-without-current';
  readonly key: string;
  /** What was found, in a few words. May hold raw names. */
  readonly detail: string;
}

/** What a storage holds. */
export interface Counts {
  readonly repositories: number;
  /** Tags that have a `current/link`. */
  readonly tags: number;
  /** Revision links: a manifest counts once in each repository that has it. */
  readonly manifests: number;
  readonly layerLinks: number;
  readonly blobs: number;
  /** The sum of the sizes of every `data` file under `blobs/`. */
  readonly bytes: number;
}

/**
 * Everything that a storage holds, read once. Columns inside, accessors outside: nobody beyond this folder sees how
 * it is kept.
 */
export interface Inventory {
  readonly counts: Counts;
  readonly repositories: readonly Repository[];
  readonly oddities: readonly Oddity[];
  /** Keys of empty directories that the registry does not need. */
  readonly emptyDirectories: readonly string[];
  /** Ids run from 0 to this, exclusive. */
  readonly digestCount: number;
  digest(id: DigestId): Digest;
  /** -1 when the digest is nowhere in this inventory. */
  find(digest: Digest): DigestId;
  repository(name: string): Repository | undefined;
  hasBlob(id: DigestId): boolean;
  /** Bytes; 0 when it is absent. */
  blobSize(id: DigestId): number;
  blobModified(id: DigestId): number | undefined;
  eachBlob(visit: (id: DigestId, size: number, modified: number | undefined) => void): void;
  /** Revision links of one repository. */
  eachRevision(repository: Repository, visit: (id: DigestId, modified: number | undefined) => void): void;
  /** Whether the repository has a revision link for the digest. */
  hasRevision(repository: Repository, id: DigestId): boolean;
  /** Layer links: the digest in the path, and the one in the content, which is what is pulled. */
  eachLayerLink(
    repository: Repository,
    visit: (path: DigestId, target: DigestId, modified: number | undefined) => void,
  ): void;
  /** Tag history: `tag` once pointed to the digest. Tags without `current/link` have theirs, too. */
  eachHistory(
    repository: Repository,
    visit: (tag: string, id: DigestId, modified: number | undefined) => void,
  ): void;
  /** The manifest of a revision or of a tag's target; undefined for digests that are neither. */
  manifest(id: DigestId): Manifest | undefined;
}
