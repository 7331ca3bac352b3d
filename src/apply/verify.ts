import { fail } from '../errors.ts';
import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import type { Plan } from '../plan/plan.ts';
import type { Digest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';

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
 * Compares tags and revisions alone, before the collector takes what those that are gone would have kept. Throws
 * VERIFY_FAILED.
 */
export function verifyReferences(plan: Plan, now: Inventory, locate: (key: string) => string): void {
  const lost = lostReferences(plan, now);
  if (lost.length > 0) fail('VERIFY_FAILED', { lost: lost.map((key) => locate(key)) });
}

/** Storage keys of everything that stays by the plan, was there before, and is gone or changed in `after`. */
export function lostKeys(plan: Plan, after: Inventory): string[] {
  const { inventory: before, manifests } = plan.kept;
  const lost = new Set(lostReferences(plan, after));
  for (const repository of before.repositories) {
    const now = after.repository(repository.name);
    const kept = manifests[repository.index];
    for (const id of kept?.keys() ?? []) {
      lostBlob(before, id, after, lost);
      const manifest = before.manifest(id);
      if (manifest?.state !== 'ok') continue;
      for (const blob of [...manifest.blobs, ...manifest.children]) lostBlob(before, blob, after, lost);
    }
    if (kept !== undefined && kept.size > 0) lostLinks(plan, repository, after, now, lost);
  }
  return [...lost];
}

function lostReferences(plan: Plan, after: Inventory): string[] {
  const { inventory: before, manifests } = plan.kept;
  const lost = new Set<string>();
  for (const repository of before.repositories) {
    const now = after.repository(repository.name);
    lostTags(before, repository, after, now, lost);
    for (const id of manifests[repository.index]?.keys() ?? []) {
      const digest = before.digest(id);
      if (now === undefined || !after.hasRevision(now, after.find(digest)))
        lost.add(keyOf.revision(repository.name, digest));
    }
  }
  return [...lost];
}

/** Keys of those tags of `keys` that do not resolve to all that they need. */
function brokenTags(after: Inventory, keys: ReadonlySet<string>): string[] {
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

function lostTags(
  before: Inventory,
  repository: Repository,
  after: Inventory,
  now: Repository | undefined,
  lost: Set<string>,
): void {
  const targets = new Map(now?.tags.map((tag) => [tag.name, after.digest(tag.target)]));
  for (const tag of repository.tags) {
    if (targets.get(tag.name) !== before.digest(tag.target)) lost.add(keyOf.tag(repository.name, tag.name));
  }
}

function lostBlob(before: Inventory, id: DigestId, after: Inventory, lost: Set<string>): void {
  if (!before.hasBlob(id)) return;
  const digest = before.digest(id);
  const now = after.find(digest);
  if (now === -1 || !after.hasBlob(now) || after.blobSize(now) !== before.blobSize(id))
    lost.add(keyOf.blob(digest));
}

function lostLinks(
  plan: Plan,
  repository: Repository,
  after: Inventory,
  now: Repository | undefined,
  lost: Set<string>,
): void {
  const { inventory: before, manifests } = plan.kept;
  const live = new Set<DigestId>();
  for (const id of manifests[repository.index]?.keys() ?? []) {
    const manifest = before.manifest(id);
    if (manifest?.state !== 'ok') continue;
    for (const blob of [...manifest.blobs, ...manifest.children]) live.add(blob);
  }
  const present = new Set<Digest>();
  if (now !== undefined) after.eachLayerLink(now, (path) => present.add(after.digest(path)));
  before.eachLayerLink(repository, (path) => {
    const digest = before.digest(path);
    if (live.has(path) && !present.has(digest)) lost.add(keyOf.layerLink(repository.name, digest));
  });
}
