import { keyOf } from '../registry/layout.ts';
import { type About, findObstacles, type StorageFinding } from './findings.ts';
import type { Plan } from './plan.ts';

/** A reason not to run: what and where, why, and what to do about it. */
export interface Refusal {
  readonly guard: string;
  /** Storage key, where there is one. */
  readonly key: string | undefined;
  readonly reason: string;
  readonly cure: string;
  /** What `check` says of it, where it is about what the storage holds. */
  readonly finding?: StorageFinding;
}

/** What guards look at beside the plan. */
export interface GuardContext extends About {
  readonly plan: Plan;
  /** Repositories that the live registry's API lists; undefined where it was not asked. */
  readonly apiRepositories: readonly string[] | undefined;
}

type Guard = (context: GuardContext) => readonly Refusal[];

/** Every guard, in the order in which they are told. Each is complete by itself; all are always asked. */
const guards: readonly Guard[] = [pullThroughCache, wrongMount, findings];

/** Everything that speaks against carrying out `plan`; empty when nothing does. */
export function askGuards(context: GuardContext): Refusal[] {
  return guards.flatMap((guard) => guard(context));
}

function pullThroughCache({ proxy }: GuardContext): Refusal[] {
  if (proxy === undefined) return [];
  return [
    {
      guard: 'pull-through-cache',
      key: undefined,
      reason: `the registry is a pull-through cache of ${proxy}: its timers delete while we look, and a 405 proves nothing`,
      cure: 'Leave its contents to its own time to live (proxy.ttl), or clean a copy without "proxy" in its config.',
    },
  ];
}

function wrongMount({ plan, apiRepositories }: GuardContext): Refusal[] {
  const { inventory } = plan.kept;
  const missing = (apiRepositories ?? []).filter((name) => inventory.repository(name) === undefined);
  if (missing.length === 0) return [];
  return [
    {
      guard: 'wrong-mount',
      key: keyOf.repository(missing[0] ?? ''),
      reason: `the live registry lists ${missing.length} repositories that this storage does not hold (${missing[0]} …)`,
      cure: 'Point registry.config (and its environment) to the storage that the live registry really uses.',
    },
  ];
}

/** What `check` calls an error or an obstacle: all that speaks against a run in what the storage holds. */
function findings({ plan, ...about }: GuardContext): Refusal[] {
  return findObstacles(plan, about).map((finding) => ({
    guard: finding.kind,
    key: finding.path,
    reason: `${finding.detail}${neededBy(finding)}`,
    cure: finding.cure,
    finding,
  }));
}

function neededBy({ repository, tag }: StorageFinding): string {
  if (repository === null) return '';
  return tag === null ? ` (in ${repository})` : ` (needed by ${repository}:${tag})`;
}
