import type { Area } from '../../registry/layout.ts';

/** What the one file is that a directory named by a digest holds: a link, or a blob's data. */
export type LeafKind = 'layer' | 'revision' | 'history' | 'blob';

/**
 * How much of a repository is looked at. `whole`: everything. `links`: of a tag only its `current/link`, which is read as
 * revision links are. `attributes`: of these links the inode alone. `names`: of tags and revisions that they are there.
 * Whoever looks less than `whole` knows more already, and has what differs looked at once more; what was a directory then
 * is taken for one.
 */
export type Depth = 'whole' | 'links' | 'attributes' | 'names';

/**
 * A piece of work for any thread. A repository is told by the number that the reading gave it. Keys of directories end
 * with `/`, digests are packed: eight words each.
 */
export type Task =
  | {
      readonly kind: 'repository';
      readonly repository: number;
      readonly directory: string;
      readonly areas: readonly Area[];
      readonly depth: Depth;
    }
  | {
      readonly kind: 'tags';
      readonly repository: number;
      /** `…/tags/`, of which these: */
      readonly directory: string;
      readonly names: readonly string[];
      readonly depth: Depth;
    }
  | Leaves
  | {
      readonly kind: 'manifests';
      /** Which number of all the first of them is. */
      readonly first: number;
      readonly digests: Int32Array<ArrayBuffer>;
    };

/** Directories named by digests in one directory: all of it, or those of `digests`, which were listed already. */
export interface Leaves {
  readonly kind: 'leaves';
  readonly of: LeafKind;
  readonly repository: number;
  /** Of a tag's history: whose. */
  readonly tag?: string;
  readonly directory: string;
  readonly digests?: Int32Array<ArrayBuffer>;
  /** Of revisions alone. Left out: `whole`. */
  readonly depth?: Depth;
}

/**
 * What a row tells. `tag`: its link, with its history in other rows; `tag-link`: its link alone; `tag-attributes`: its
 * link's inode alone, and no digest; `revision-attributes`: the inode alone, and the digest in its path; `tag-name` and
 * `revision-name`: what is in the path.
 */
export type RowKind =
  | LeafKind
  | 'tag'
  | 'tag-link'
  | 'tag-attributes'
  | 'tag-name'
  | 'revision-attributes'
  | 'revision-name';

/** Rows `from` (inclusive) to `to` (exclusive) of an answer. */
export interface Section {
  readonly of: RowKind;
  readonly repository: number;
  readonly from: number;
  to: number;
}

/** Manifests of one task, in its order. */
export interface Contents {
  readonly first: number;
  /** `headWidth` integers each; see `head`. */
  readonly heads: Int32Array<ArrayBuffer>;
  /** Of each manifest: children, blobs, foreign layers, subject; eight words each. */
  readonly references: Int32Array<ArrayBuffer>;
  /** Bytes that each of `blobs` has by its manifest; NaN where that says nothing. */
  readonly said: Float64Array<ArrayBuffer>;
  readonly mediaTypes: readonly string[];
}

export const headWidth = 7;
/** Places in a head. `state`: 0 where the manifest is to be read by whoever tells what is wrong with it. */
export const head = {
  state: 0,
  size: 1,
  mediaType: 2,
  children: 3,
  blobs: 4,
  foreign: 5,
  subject: 6,
} as const;
export const manifestKinds = ['image', 'index', 'schema1'] as const;

/** What tasks have found, in a form that goes from thread to thread without being copied. */
export interface Answer {
  /** Files and empty directories that were met. */
  readonly looked: number;
  readonly sections: readonly Section[];
  /**
   * Columns of the rows: eight words of a digest; ms since the epoch; bytes of a blob, or when a link's inode was changed
   * last, ms since the epoch; which of `tagNames`.
   */
  readonly words: Int32Array<ArrayBuffer>;
  readonly times: Float64Array<ArrayBuffer>;
  readonly figures: Float64Array<ArrayBuffer>;
  readonly owners: Int32Array<ArrayBuffer>;
  readonly tagNames: readonly string[];
  /** Tags of which a history was met, and no `current/link` as it should be. */
  readonly tagsSeen: readonly { readonly repository: number; readonly tag: string }[];
  readonly contents: readonly Contents[];
  /** Keys of what does not look as a registry makes it, directories with all that is in them: for `Reader` to tell. */
  readonly irregular: readonly string[];
  /** Keys of directories that nothing is in. */
  readonly empty: readonly string[];
  /** Work that has come up. */
  readonly rest: readonly Task[];
}
