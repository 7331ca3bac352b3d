import { type Digest, digestOf, splitDigest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import { type Descriptor, manifestLimit, parseManifest } from '../registry/manifest.ts';
import type { Reader } from '../storage/storage.ts';
import type { DigestTable } from './digest-table.ts';
import type { DigestId, Manifest } from './inventory.ts';

/** Reads, checks and parses the manifest whose digest has the id, interning what it names. */
export async function readManifest(reader: Reader, digests: DigestTable, id: DigestId): Promise<Manifest> {
  const digest = digests.text(id);
  const bytes = await reader.read(keyOf.blob(digest), manifestLimit).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'FILE_TOO_LARGE') return 'too-large' as const;
    throw error;
  });
  if (bytes === undefined) return { state: 'missing' };
  // The registry reads no further than this, so its collector fails on what is longer.
  if (bytes === 'too-large') return { state: 'damaged', why: `longer than ${manifestLimit} bytes` };
  if (bytes.length === 0) return { state: 'damaged', why: 'empty' };
  const why = mismatch(digest, bytes);
  if (why !== undefined) return { state: 'damaged', why };
  const parsed = parseManifest(bytes);
  if (parsed.kind === 'damaged') return { state: 'damaged', why: parsed.why };
  if (parsed.kind === 'unknown') return { state: 'unknown', why: parsed.why };
  const intern = (descriptors: readonly Descriptor[]): Int32Array =>
    Int32Array.from(descriptors, (descriptor) => digests.intern(descriptor.digest));
  const common = { state: 'ok', mediaType: parsed.mediaType, size: bytes.length } as const;
  const none = new Int32Array(0);
  if (parsed.kind === 'index') {
    return {
      ...common,
      kind: 'index',
      children: intern(parsed.children),
      blobs: none,
      foreign: none,
      subject: parsed.subject === undefined ? -1 : digests.intern(parsed.subject),
    };
  }
  const config = parsed.kind === 'image' && parsed.config !== undefined ? [parsed.config] : [];
  const subject = parsed.kind === 'image' ? parsed.subject : undefined;
  return {
    ...common,
    kind: parsed.kind,
    children: none,
    blobs: intern([...config, ...parsed.layers.filter((layer) => !layer.urls)]),
    foreign: intern(parsed.layers.filter((layer) => layer.urls)),
    subject: subject === undefined ? -1 : digests.intern(subject),
  };
}

/** What speaks against `bytes` being what `digest` names. Manifests are stored under their sha256 alone. */
function mismatch(digest: Digest, bytes: Uint8Array): string | undefined {
  if (splitDigest(digest).algorithm !== 'sha256') return undefined;
  const actual = digestOf(bytes);
  return actual === digest ? undefined : `its bytes hash to ${actual}`;
}
