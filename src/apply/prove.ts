import { CleanupError, fail } from '../errors.ts';
import type { Held } from '../pipeline/lock.ts';
import type { Client } from '../registry/client.ts';
import { keyOf } from '../registry/layout.ts';
import type { Storage } from '../storage/storage.ts';

/** A repository that nobody has, so that a probe which is accepted after all leaves nothing in one that somebody has. */
export function probeRepository(run: string): string {
  return `registry-cleanup/probe-${run.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
}

/** A load balancer takes turns. */
const turns = 3;

/**
 * Asks where clients reach the registry, while it is stopped and nothing has taken its place. Whoever answers as a
 * registry does is another one, which may write to the same storage, and whose 405 would prove nothing about ours.
 * Throws FENCE_FAILED.
 */
export async function proveSilence(client: Client): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const answer = await client.ping().catch((error: unknown) => {
      if (error instanceof CleanupError && error.code === 'REGISTRY_UNREACHABLE') return undefined;
      throw error;
    });
    if (answer === undefined) return;
    if (!answer.distribution || ![200, 401, 403].includes(answer.status)) continue;
    fail('FENCE_FAILED', {
      reason: `the live registry is stopped, but a registry still answers at ${client.url}`,
      hint: 'Nothing was deleted. registry.url must lead to this registry and to no other; if several share the storage, stop the others first.',
    });
  }
}

/**
 * Asks the stand-in to begin an upload. It must be refused as distribution's read-only mode refuses: 405, `text/plain`,
 * with `Docker-Distribution-Api-Version` (a pull-through cache says 405 in JSON, a proxy in front lacks the header).
 * What an accepted probe created is removed again. Throws FENCE_FAILED.
 */
export async function proveReadOnly(client: Client, storage: Storage, held: Held): Promise<void> {
  const repository = probeRepository(held.run);
  const answer = await client.probeUpload(repository);
  if (answer.status === 405 && answer.contentType === 'text/plain' && answer.apiVersion !== undefined) return;
  if (answer.status === 202) {
    if (answer.location !== undefined) await client.cancelUpload(repository, answer.location);
    await removeProbe(storage, repository);
    fail('FENCE_FAILED', {
      reason: 'the instance that should be read-only accepted an upload',
      hint: 'Nothing was deleted. Look for what defeats storage.maintenance.readonly: a REGISTRY_STORAGE_MAINTENANCE… variable, or a wrapper around the registry.',
    });
  }
  if (answer.status === 401 || answer.status === 403) {
    fail('FENCE_FAILED', {
      reason: `the probe was answered with ${answer.status}, which proves nothing`,
      hint: 'Nothing was deleted. Give registry.auth credentials that may push, or use --no-readonly-instance.',
    });
  }
  const header =
    answer.apiVersion === undefined ? 'no Docker-Distribution-Api-Version' : `API ${answer.apiVersion}`;
  fail('FENCE_FAILED', {
    reason: `the probe was answered with ${answer.status} (${answer.contentType || 'no content type'}, ${header}), not as a read-only registry answers`,
    hint: 'Nothing was deleted. Something other than the stand-in answers at registry.url: a proxy, or a pull-through cache.',
  });
}

/** Everything that the probe's upload created; the storage prunes what that empties. */
async function removeProbe(storage: Storage, repository: string): Promise<void> {
  const prefix = keyOf.repository(repository);
  const keys: string[] = [];
  for await (const page of storage.list(prefix)) for (const entry of page) keys.push(entry.key);
  const failed = (await storage.remove(keys)).find(({ outcome }) => outcome === 'failed');
  if (failed === undefined) return;
  fail('STORAGE_FAILED', {
    deed: 'remove',
    path: storage.locate(failed.key),
    reason: failed.reason ?? 'unknown reason',
  });
}
