import { fail } from '../errors.ts';
import type { DigestId, Inventory } from '../inventory/inventory.ts';
import type { Plan } from '../plan/plan.ts';
import { keyOf } from '../registry/layout.ts';
import { lostBlobs, lostLinks, tagsOf } from './lost.ts';
import { idsIn } from './same-ids.ts';

/**
 * Compares what must be there (`plan.kept`) with what is (`after`, read anew): tags, revisions, layer links, manifests
 * and blobs with their sizes. What was missing before the run is not counted as lost by it. Throws VERIFY_FAILED.
 *
 * `late`: keys of what was written behind the fence. Of a tag among them its new manifest must be whole: that may have
 * been swept, since nobody knew of the tag.
 */
export function verifyStorage(
  plan: Plan,
  after: Inventory,
  locate: (key: string) => string,
  late: ReadonlySet<string> = new Set(),
): { readonly manifests: number } {
  const lost = [...lostKeys(plan, after).filter((key) => !late.has(key)), ...brokenTags(after, late)];
  if (lost.length > 0) fail('VERIFY_FAILED', { lost: lost.map((key) => locate(key)) });
  return { manifests: plan.kept.manifests.reduce((sum, kept) => sum + kept.size, 0) };
}

/**
 * Compares tags and revisions alone, before the collector takes what those that are gone would have kept. `only`: names
 * of repositories, the only ones that `now` was read of. Throws VERIFY_FAILED.
 */
export function verifyReferences(
  plan: Plan,
  now: Inventory,
  locate: (key: string) => string,
  only?: ReadonlySet<string>,
): void {
  const lost = lostReferences(plan, now, only);
  if (lost.length > 0) fail('VERIFY_FAILED', { lost: lost.map((key) => locate(key)) });
}

/** Storage keys of everything that stays by the plan, was there before, and is gone or changed in `after`. */
export function lostKeys(plan: Plan, after: Inventory): string[] {
  const { inventory: before, manifests } = plan.kept;
  const lost = lostReferences(plan, after);
  const blobs = lostBlobs(before, after);
  const links = lostLinks(before, after);
  for (const repository of before.repositories) {
    const kept = manifests[repository.index];
    if (kept === undefined || kept.size === 0) continue;
    for (const id of kept.keys()) {
      blobs.look(id);
      const manifest = before.manifest(id);
      if (manifest?.state !== 'ok') continue;
      for (const blob of manifest.blobs) blobs.look(blob);
      for (const child of manifest.children) blobs.look(child);
    }
    lost.push(...links.in(repository, kept.keys()));
  }
  return [...lost, ...blobs.lost];
}

function lostReferences(plan: Plan, after: Inventory, only?: ReadonlySet<string>): string[] {
  const { inventory: before, manifests } = plan.kept;
  const idIn = idsIn(before, after);
  const lost: string[] = [];
  for (const repository of before.repositories) {
    if (only?.has(repository.name) === false) continue;
    const now = after.repository(repository.name);
    const tags = tagsOf(now);
    for (const { name, target } of repository.tags)
      if (tags(name)?.target !== idIn(target)) lost.push(keyOf.tag(repository.name, name));
    for (const id of manifests[repository.index]?.keys() ?? []) {
      // A damaged repository that is left alone may never have had it.
      if (!before.hasRevision(repository, id)) continue;
      if (now === undefined || !after.hasRevision(now, idIn(id)))
        lost.push(keyOf.revision(repository.name, before.digest(id)));
    }
  }
  return lost;
}

/** Keys of those tags of `keys` that do not resolve to all that they need. */
export function brokenTags(after: Inventory, keys: ReadonlySet<string>): string[] {
  if (keys.size === 0) return [];
  return after.repositories.flatMap((repository) =>
    repository.tags
      .map(({ name, target }) => ({ key: keyOf.tag(repository.name, name), target }))
      .filter(
        ({ key, target }) =>
          keys.has(key) && !(after.hasRevision(repository, target) && isWhole(after, target, new Set())),
      )
      .map(({ key }) => key),
  );
}

/** A child need not be a manifest that anybody knows (a build cache names layers as children). */
function isWhole(after: Inventory, id: DigestId, seen: Set<DigestId>): boolean {
  if (seen.has(id)) return true;
  seen.add(id);
  const manifest = after.manifest(id);
  if (!after.hasBlob(id) || manifest?.state === 'missing' || manifest?.state === 'damaged') return false;
  if (manifest?.state !== 'ok') return true;
  return (
    [...manifest.blobs].every((blob) => after.hasBlob(blob)) &&
    [...manifest.children].every((child) => isWhole(after, child, seen))
  );
}
