import { type Digest, parseDigest } from './digest.ts';
import { isRepositoryName } from './layout.ts';

/**
 * A line that `registry garbage-collect` prints on stdout.
 * Source: distribution registry/storage/garbagecollect.go, tags v2.8.3 and v3.1.1.
 */
export type CollectorLine =
  /** It has come to this repository; what follows belongs to it, up to the next such line. */
  | { readonly kind: 'repository'; readonly name: string }
  | { readonly kind: 'marking-manifest'; readonly repository: string; readonly digest: Digest }
  /** 2.8 prints every reference, 3.x each blob once. */
  | { readonly kind: 'marking-blob'; readonly repository: string; readonly digest: Digest }
  /** 2.8 prints it while it marks, and names no repository; 3.x prints it when all is marked, and does. */
  | { readonly kind: 'manifest-eligible'; readonly repository: string | undefined; readonly digest: Digest }
  | { readonly kind: 'blob-eligible'; readonly digest: Digest }
  /** 3.x only. */
  | { readonly kind: 'layer-link-eligible'; readonly repository: string; readonly digest: Digest }
  /** 3.x with --delete-untagged only: the repository has no `tags`, and its manifests are left unmarked. */
  | { readonly kind: 'tags-path-missing'; readonly repository: string }
  /** How many digests are marked (absent ones too), blobs go (manifests' own too) and revisions go. */
  | { readonly kind: 'summary'; readonly marked: number; readonly blobs: number; readonly manifests: number }
  /** Anything else, as it is: it may hold control characters. */
  | { readonly kind: 'other'; readonly text: string };

const ofRepository = /^([^\s:]+): ([a-z ]+:?) ([^\s:]+:[0-9a-f]+)( ?)$/;
const eligible = /^(manifest|blob) eligible for deletion: ([^\s:]+:[0-9a-f]+)$/;
const eligibleWithTags = /^manifest eligible for deletion: \{([^\s:]+) ([^\s:]+:[0-9a-f]+) \[/;
const withoutTags = /^manifest tags path of repository (\S+) does not exist$/;
const summary = /^(\d{1,15}) blobs marked, (\d{1,15}) blobs and (\d{1,15}) manifests eligible for deletion$/;

/**
 * What a line says; it comes without its line break. Strict, since lines quote what lies in the storage: what is not
 * a whole and well-formed line with valid names in it is `other`. The cost is linear in the line's length.
 *
 * No line proves anything by itself: 2.8 prints what a pushed manifest calls a digest, line breaks and all, so that
 * whoever may push can write lines of any kind. Such manifests are `damaged` to `parseManifest`.
 */
export function parseCollectorLine(line: string): CollectorLine {
  return (
    parseOfRepository(line) ??
    parseEligible(line) ??
    parseEligibleWithTags(line) ??
    parseRest(line) ?? { kind: 'other', text: line }
  );
}

function parseOfRepository(line: string): CollectorLine | undefined {
  const [, repository = '', deed = '', text = '', space] = ofRepository.exec(line) ?? [];
  const kind = kindOf(deed);
  const digest = parseDigest(text);
  if (kind === undefined || digest === undefined || !isRepositoryName(repository)) return undefined;
  // A manifest's line ends with a space, and no other does.
  return (kind === 'marking-manifest') === (space === ' ') ? { kind, repository, digest } : undefined;
}

function parseEligible(line: string): CollectorLine | undefined {
  const [, what, text = ''] = eligible.exec(line) ?? [];
  const digest = parseDigest(text);
  if (digest === undefined) return undefined;
  return what === 'blob'
    ? { kind: 'blob-eligible', digest }
    : { kind: 'manifest-eligible', repository: undefined, digest };
}

function parseEligibleWithTags(line: string): CollectorLine | undefined {
  if (!line.endsWith(']}')) return undefined;
  const [, repository = '', text = ''] = eligibleWithTags.exec(line) ?? [];
  const digest = parseDigest(text);
  if (digest === undefined || !isRepositoryName(repository)) return undefined;
  return { kind: 'manifest-eligible', repository, digest };
}

function parseRest(line: string): CollectorLine | undefined {
  if (isRepositoryName(line)) return { kind: 'repository', name: line };
  const repository = withoutTags.exec(line)?.[1] ?? '';
  if (isRepositoryName(repository)) return { kind: 'tags-path-missing', repository };
  const counts = summary.exec(line)?.slice(1).map(Number);
  if (counts === undefined) return undefined;
  const [marked = 0, blobs = 0, manifests = 0] = counts;
  return { kind: 'summary', marked, blobs, manifests };
}

function kindOf(deed: string): 'marking-manifest' | 'marking-blob' | 'layer-link-eligible' | undefined {
  switch (deed) {
    case 'marking manifest':
      return 'marking-manifest';
    case 'marking blob':
      return 'marking-blob';
    case 'layer link eligible for deletion:':
      return 'layer-link-eligible';
    default:
      return undefined;
  }
}
