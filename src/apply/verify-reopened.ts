import { fail } from '../errors.ts';
import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import type { Plan } from '../plan/plan.ts';
import { keyOf } from '../registry/layout.ts';
import { lostBlobs, lostLinks } from './lost.ts';
import { idsIn } from './same-ids.ts';
import { brokenTags } from './verify.ts';

/**
 * Compares what must be there (`plan.kept`) with `after`, read anew with the registry open again: blobs with their sizes,
 * whatever users do, since nobody but a collector removes any; and of each manifest that stays its revision and layer
 * links. Users may push a tag again, or delete it, or a manifest with its tags: what no tag of the repository needs any
 * more was deleted since, those of what was cleaned having been compared behind the fence.
 * `late`: as in `verifyStorage`. Throws VERIFY_FAILED.
 */
export function verifyReopened(
  plan: Plan,
  after: Inventory,
  locate: (key: string) => string,
  late: ReadonlySet<string> = new Set(),
): { readonly manifests: number } {
  const { inventory: before, manifests, marked } = plan.kept;
  const idIn = idsIn(before, after);
  const blobs = lostBlobs(before, after);
  for (let id = 0; id < marked.length; id++) if (marked[id] === 1) blobs.look(id);
  const links = lostLinks(before, after);
  const lost: string[] = [];
  let verified = 0;
  for (const repository of before.repositories) {
    const kept = manifests[repository.index];
    if (kept === undefined || kept.size === 0) continue;
    const now = after.repository(repository.name);
    if (now === undefined) {
      // The registry's API removes no repository.
      lost.push(keyOf.repository(repository.name));
      continue;
    }
    const there: DigestId[] = [];
    let needed: ReadonlySet<DigestId> | undefined;
    for (const id of kept.keys()) {
      if (!before.hasRevision(repository, id)) continue;
      const is = idIn(id);
      if (after.hasRevision(now, is)) there.push(id);
      else {
        needed ??= neededBy(after, now);
        if (needed.has(is)) lost.push(keyOf.revision(repository.name, before.digest(id)));
      }
    }
    verified += there.length;
    for (const key of links.in(repository, there)) lost.push(key);
  }
  const all = [...lost, ...blobs.lost, ...brokenTags(after, late)];
  if (all.length > 0) fail('VERIFY_FAILED', { lost: all.map((key) => locate(key)) });
  return { manifests: verified };
}

/** What the tags of a repository name, with children, as far as they are known. */
function neededBy(inventory: Inventory, { tags }: Repository): ReadonlySet<DigestId> {
  const needed = new Set<DigestId>();
  const next = tags.map(({ target }) => target);
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (needed.has(id)) continue;
    needed.add(id);
    const manifest = inventory.manifest(id);
    if (manifest?.state === 'ok') for (const child of manifest.children) next.push(child);
  }
  return needed;
}
