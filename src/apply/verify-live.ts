import { fail } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { Client } from '../registry/client.ts';
import { parseDigest } from '../registry/digest.ts';
import { blobsRoot, keyOf, placeOf } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';

export interface VerifyLiveOptions {
  /** Undefined where the registry asks for credentials that we do not have. */
  readonly client: Client | undefined;
  readonly reader: Reader;
  /** How many tags are asked for, spread evenly, and for how long (ms). */
  readonly limit: number;
  readonly forAtMost: number;
  readonly signal: AbortSignal;
}

/**
 * After the registry has been opened again: every blob that must stay is there with its size, and tags resolve to what
 * they did. A tag that differs is excused when the storage itself says so: users push again. Throws VERIFY_FAILED.
 */
export async function verifyLive(
  plan: Plan,
  options: VerifyLiveOptions,
): Promise<{ tags: number; of: number }> {
  return verifyTags(plan, options, await lostBlobs(plan, options.reader));
}

/** As `verifyLive`, over the API alone. `lost`: what is known to be lost, and told with what else is. */
export async function verifyTags(
  plan: Plan,
  options: VerifyLiveOptions,
  lost: readonly string[] = [],
): Promise<{ tags: number; of: number }> {
  const { tags, of, differing } = await askTags(plan, options);
  const all = [...lost, ...differing];
  if (all.length > 0) fail('VERIFY_FAILED', { lost: all });
  return { tags, of };
}

async function lostBlobs(plan: Plan, reader: Reader): Promise<string[]> {
  const { inventory, marked } = plan.kept;
  const present = new Uint8Array(marked.length);
  for await (const page of reader.list(blobsRoot)) {
    for (const { key, size } of page) {
      const place = placeOf(key);
      if (place.kind !== 'blob') continue;
      const id = inventory.find(place.digest);
      if (id !== -1 && inventory.hasBlob(id) && inventory.blobSize(id) === size) present[id] = 1;
    }
  }
  const lost: string[] = [];
  marked.forEach((needed, id) => {
    if (needed === 1 && inventory.hasBlob(id) && present[id] !== 1) {
      lost.push(reader.locate(keyOf.blob(inventory.digest(id))));
    }
  });
  return lost;
}

async function askTags(
  plan: Plan,
  { client, reader, limit, forAtMost, signal }: VerifyLiveOptions,
): Promise<{ tags: number; of: number; differing: string[] }> {
  const { inventory } = plan.kept;
  const all = inventory.repositories
    .filter(({ name }) => !plan.isolated.has(name))
    .flatMap(({ name, tags }) =>
      tags.map((tag) => ({
        repository: name,
        tag: tag.name,
        digest: inventory.digest(tag.target),
        manifest: inventory.manifest(tag.target),
      })),
    );
  const differing: string[] = [];
  if (client === undefined) return { tags: 0, of: all.length, differing };
  const step = Math.max(1, all.length / limit);
  const until = performance.now() + forAtMost;
  let asked = 0;
  for (let at = 0; at < all.length && performance.now() < until; at += step) {
    signal.throwIfAborted();
    const wanted = all[Math.floor(at)];
    if (wanted === undefined) break;
    // Registry 2 signs a schema 1 manifest anew whenever it serves it: its bytes never hash to the digest.
    const signed = wanted.manifest?.state === 'ok' && wanted.manifest.kind === 'schema1';
    const answer = await client[signed ? 'headManifest' : 'getManifest'](wanted.repository, wanted.tag);
    asked++;
    if (answer?.digest === wanted.digest) continue;
    const link = await reader.read(keyOf.tag(wanted.repository, wanted.tag));
    const stored = link === undefined ? undefined : parseDigest(Buffer.from(link).toString('latin1'));
    if (stored === wanted.digest) {
      const what = answer === undefined ? 'is not served' : `resolves to ${answer.digest}`;
      differing.push(`${wanted.repository}:${wanted.tag} ${what}, it was ${wanted.digest}`);
    }
  }
  return { tags: asked, of: all.length, differing };
}
