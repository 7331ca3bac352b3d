import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import type { IdSet } from './id-set.ts';
import type { KeepReason, Policy } from './plan.ts';

/** Why each manifest of a repository stays, and when those that are only young may go. */
export interface RepositoryKeeps {
  readonly reasons: ReadonlyMap<DigestId, KeepReason>;
  /** The earliest time (ms since the epoch) at which a manifest that is only young stops being so. */
  readonly nextAt: number | undefined;
}

/** What decides beside the inventory. */
export interface KeepRules extends Pick<Policy, 'now' | 'untaggedKeepWithin'> {
  /** `Policy.protect`, as far as the inventory knows it. */
  readonly listed: IdSet;
  /** What an earlier look let go of the repository. */
  readonly mayGo?: ((id: DigestId) => boolean) | undefined;
}

/**
 * What stays in `repository`: roots (tagged, protected, young, not planned before) and everything they reach, children
 * downwards and referrers upwards, until nothing more is found.
 */
export function keepManifests(
  inventory: Inventory,
  repository: Repository,
  { now, untaggedKeepWithin, listed, mayGo }: KeepRules,
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
  inventory.eachRevision(repository, (id) => {
    const state = inventory.manifest(id)?.state;
    if (state === 'damaged' || state === 'unknown') keep(id, 'unreadable');
    if (listed.has(id)) keep(id, 'protected');
  });
  reach();
  // Young ones last, so that what is kept for a better reason does not count as waiting for its time.
  let nextAt: number | undefined;
  const young: DigestId[] = [];
  const left = lastLeft(inventory, repository, reasons);
  inventory.eachRevision(repository, (id, modified) => {
    if (reasons.has(id)) return;
    const time = left.has(id) ? newer(modified, left.get(id)) : modified;
    if (isYoung(time, now, untaggedKeepWithin)) {
      young.push(id);
      if (time !== undefined)
        nextAt = Math.min(nextAt ?? Number.POSITIVE_INFINITY, time + untaggedKeepWithin);
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
 * When each manifest that has no reason to stay so far was left by a tag, or may have been: the newest `current/link`
 * time of the tags whose history names it (such a tag moved on at that time, at the latest). Undefined where one of these
 * times is unknown. With the time of its own link it makes the time since which it is untagged.
 */
function lastLeft(
  inventory: Inventory,
  repository: Repository,
  reasons: ReadonlyMap<DigestId, KeepReason>,
): Map<DigestId, number | undefined> {
  const left = new Map<DigestId, number | undefined>();
  const moved = new Map(repository.tags.map((tag) => [tag.name, tag.modified]));
  inventory.eachHistory(repository, (tag, id) => {
    if (reasons.has(id) || !moved.has(tag)) return;
    const time = moved.get(tag);
    left.set(id, left.has(id) ? newer(left.get(id), time) : time);
  });
  return left;
}

/** An unknown time may be newer than any. */
function newer(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(one, other);
}
