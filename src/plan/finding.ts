import type { Digest } from '../registry/digest.ts';
import { type FindingKind, kinds, type Severity, severityOf } from './kinds.ts';

/** Something that `check` tells, and that a run refuses on unless it is a warning. `path` is a storage key. */
export interface StorageFinding {
  readonly severity: Severity;
  readonly kind: FindingKind;
  readonly path: string;
  readonly repository: string | null;
  /** A tag that needs it. */
  readonly tag: string | null;
  /** The manifest with which it would go from its repository. */
  readonly manifest: Digest | null;
  /** How many there are of it: `path` is one of them. */
  readonly count: number;
  readonly detail: string;
  readonly cure: string;
  /** It would speak against a run, but its repository is left alone (`damage: isolate`). */
  readonly leftAlone?: true;
}

interface Particulars {
  readonly repository?: string | null | undefined;
  readonly tag?: string | null | undefined;
  readonly manifest?: Digest;
  readonly count?: number;
  readonly detail?: string;
}

/** A finding with what its kind says of it. */
export function finding(kind: FindingKind, path: string, particulars: Particulars): StorageFinding {
  const { means, cure } = kinds[kind];
  const { repository = null, tag = null, manifest = null, count = 1, detail = means } = particulars;
  const severity = severityOf(kind, tag !== null);
  return { severity, kind, path, repository, tag, manifest, count, detail, cure };
}
