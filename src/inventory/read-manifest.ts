import { type Digest, digestOf, splitDigest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import { type Descriptor, manifestLimit, parseManifest } from '../registry/manifest.ts';
import type { Reader } from '../storage/storage.ts';
import type { InventoryBuilder } from './builder.ts';
import { isBlobWhole } from './hash-blobs.ts';
import type { DigestId, Manifest, WrongSize } from './inventory.ts';
import { namedBy } from './named.ts';

/** Shared by all manifests that are right, which are nearly all. */
export const noneWrong: readonly WrongSize[] = [];

/** Reads, checks and parses the manifest whose digest has the id, interning what it names. */
export async function readManifest(
  reader: Reader,
  builder: InventoryBuilder,
  id: DigestId,
): Promise<Manifest> {
  const { digests } = builder;
  const digest = digests.text(id);
  if (builder.isBehindSymlink(keyOf.blob(digest))) return { state: 'missing' };
  const bytes = await reader.read(keyOf.blob(digest), manifestLimit).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'FILE_TOO_LARGE') return 'too-large' as const;
    throw error;
  });
  if (bytes === undefined) return { state: 'missing' };
  // The registry reads no further than this, so its collector fails on what is longer.
  if (bytes === 'too-large') {
    const why = `longer than ${manifestLimit} bytes`;
    return { state: 'damaged', why, whole: false };
  }
  if (bytes.length === 0) return { state: 'damaged', why: 'empty', whole: false };
  const why = mismatch(digest, bytes);
  if (why !== undefined) return { state: 'damaged', why, whole: false };
  const parsed = parseManifest(bytes);
  if (parsed.kind === 'damaged') return { state: 'damaged', why: parsed.why, whole: true };
  if (parsed.kind === 'unknown') return { state: 'unknown', why: parsed.why };
  const { kind, mediaType, children, blobs, foreign, subject } = namedBy(parsed);
  const intern = (descriptors: readonly Descriptor[]): Int32Array =>
    Int32Array.from(descriptors, (descriptor) => digests.intern(descriptor.digest));
  return {
    state: 'ok',
    kind,
    mediaType,
    size: bytes.length,
    children: intern(children),
    blobs: intern(blobs),
    foreign: intern(foreign),
    subject: subject === undefined ? -1 : digests.intern(subject),
    wrongSizes: await compareSizes(reader, builder, blobs),
  };
}

/**
 * Which of `needed` have other sizes than they say, and whether it is the blob that is wrong: such a one is read and
 * hashed. Zero says nothing: programs in Go write it for a size left out.
 */
async function compareSizes(
  reader: Reader,
  builder: InventoryBuilder,
  needed: readonly Descriptor[],
): Promise<readonly WrongSize[]> {
  const wrong: WrongSize[] = [];
  for (const { digest, size } of needed) {
    if (size === undefined || size === 0) continue;
    const blob = builder.digests.intern(digest);
    const actual = builder.blobSize(blob);
    if (actual === undefined || actual === size) continue;
    const whole = builder.whole.get(blob) ?? (await isBlobWhole(reader, digest));
    builder.whole.set(blob, whole);
    wrong.push({ blob, said: size, whole });
  }
  return wrong.length === 0 ? noneWrong : wrong;
}

/** What speaks against `bytes` being what `digest` names. Manifests are stored under their sha256 alone. */
function mismatch(digest: Digest, bytes: Uint8Array): string | undefined {
  if (splitDigest(digest).algorithm !== 'sha256') return undefined;
  const actual = digestOf(bytes);
  return actual === digest ? undefined : `its bytes hash to ${actual}`;
}
