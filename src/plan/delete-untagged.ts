import type { Plan } from './plan.ts';

/** Pairs of manifest and tag in one repository above which the collector's own look-up of tags takes too long. */
const pairLimit = 50_000;

export interface DeleteUntagged {
  readonly value: boolean;
  readonly because: string;
  /** It was demanded where it would hurt. */
  readonly refused: boolean;
}

/**
 * Whether `--delete-untagged` is passed to the registry's collector: only when it cannot hurt, since what is untagged
 * has been removed before. The collector of 2.8 destroys multi-arch images with it, that of 3.x signatures.
 */
export function decideDeleteUntagged(plan: Plan, wish: 'auto' | boolean): DeleteUntagged {
  if (wish === false)
    return { value: false, because: 'garbageCollect.deleteUntagged is false', refused: false };
  const hurt = whyItHurts(plan);
  if (hurt === undefined) {
    return { value: true, because: 'every manifest that stays is tagged', refused: false };
  }
  return { value: false, because: hurt, refused: wish === true };
}

function whyItHurts(plan: Plan): string | undefined {
  const { inventory, manifests } = plan.kept;
  let kept = 0;
  let pairs = 0;
  for (const { index, tags } of inventory.repositories) {
    const count = manifests[index]?.size ?? 0;
    kept += count;
    pairs += count * tags.length;
  }
  // Whatever a tag names is kept for that reason before any other.
  const untagged = kept - plan.totals.kept.tagged;
  if (untagged > 0)
    return `${untagged} untagged manifests stay (children, referrers, young or protected ones)`;
  const without = inventory.repositories.find(({ directories }) => !directories.has('tags'));
  if (without !== undefined) return `the repository ${without.name} has no tags directory`;
  if (pairs > pairLimit) return `it would look up ${pairs} pairs of manifest and tag`;
  return undefined;
}
