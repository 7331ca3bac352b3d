import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import type { KeepReason, Policy } from './plan.ts';

/** Why each manifest of a repository stays, and when those that are only young may go. */
export interface RepositoryKeeps {
  readonly reasons: ReadonlyMap<DigestId, KeepReason>;
  /** The earliest time (ms since the epoch) at which a manifest that is only young stops being so. */
  readonly nextAt: number | undefined;
}

/**
 * What stays in `repository`: roots (tagged, protected, young, not planned before) and everything they reach, children
 * downwards and referrers upwards, until nothing more is found. `mayGo` tells what an earlier look let go.
 */
export function keepManifests(
  inventory: Inventory,
  repository: Repository,
  policy: Policy,
  mayGo?: (id: DigestId) => boolean,
): RepositoryKeeps {
  const reasons = new Map<DigestId, KeepReason>();
  const work: DigestId[] = [];
  function keep(id: DigestId, because: KeepReason): void {
    if (reasons.has(id)) return;
    reasons.set(id, because);
    work.push(id);
  }
  const referrers = referrersOf(inventory, repository);
  function reach(): void {
    for (let id = work.pop(); id !== undefined; id = work.pop()) {
      const manifest = inventory.manifest(id);
      if (manifest?.state === 'ok') {
        for (const child of manifest.children)
          if (inventory.hasRevision(repository, child)) keep(child, 'child');
      }
      for (const referrer of referrers.get(id) ?? []) keep(referrer, 'referrer');
    }
  }

  for (const tag of repository.tags)
    if (inventory.hasRevision(repository, tag.target)) keep(tag.target, 'tagged');
  reach();
  const since = untaggedSince(inventory, repository);
  inventory.eachRevision(repository, (id) => {
    const state = inventory.manifest(id)?.state;
    if (state === 'damaged' || state === 'unknown') keep(id, 'unreadable');
    if (policy.protect.has(inventory.digest(id))) keep(id, 'protected');
  });
  reach();
  // Young ones last, so that what is kept for a better reason does not count as waiting for its time.
  let nextAt: number | undefined;
  const young: DigestId[] = [];
  inventory.eachRevision(repository, (id) => {
    if (reasons.has(id)) return;
    const time = since.get(id);
    if (isYoung(time, policy.now, policy.untaggedKeepWithin)) {
      young.push(id);
      if (time !== undefined)
        nextAt = Math.min(nextAt ?? Number.POSITIVE_INFINITY, time + policy.untaggedKeepWithin);
    } else if (mayGo?.(id) === false) {
      keep(id, 'changed');
    }
  });
  for (const id of young) keep(id, 'young');
  reach();
  return { reasons, nextAt };
}

/** No date, or one in the future: young. */
export function isYoung(time: number | undefined, now: number, keepWithin: number): boolean {
  return time === undefined || time > now || now - time < keepWithin;
}

function referrersOf(inventory: Inventory, repository: Repository): Map<DigestId, DigestId[]> {
  const referrers = new Map<DigestId, DigestId[]>();
  inventory.eachRevision(repository, (id) => {
    const manifest = inventory.manifest(id);
    if (manifest?.state !== 'ok' || manifest.subject === -1) return;
    const others = referrers.get(manifest.subject);
    if (others === undefined) referrers.set(manifest.subject, [id]);
    else others.push(id);
  });
  return referrers;
}

/**
 * When each revision was tagged last, or came: the newest of its own link's time and the `current/link` time of every
 * tag whose history names it (that tag moved on at that time, at the latest). Undefined where a time is unknown.
 */
function untaggedSince(inventory: Inventory, repository: Repository): Map<DigestId, number | undefined> {
  const since = new Map<DigestId, number | undefined>();
  inventory.eachRevision(repository, (id, modified) => since.set(id, modified));
  const moved = new Map(repository.tags.map((tag) => [tag.name, tag.modified]));
  inventory.eachHistory(repository, (tag, id) => {
    if (!since.has(id) || !moved.has(tag)) return;
    const known = since.get(id);
    const time = moved.get(tag);
    since.set(id, known === undefined || time === undefined ? undefined : Math.max(known, time));
  });
  return since;
}
