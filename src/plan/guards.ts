import { keyOf } from '../registry/layout.ts';
import { namesOtherAlgorithms } from './damage.ts';
import { findFindings } from './findings.ts';
import type { Plan } from './plan.ts';

/** A reason not to run: what and where, why, and what to do about it. */
export interface Refusal {
  readonly guard: string;
  /** Storage key, where there is one. */
  readonly key: string | undefined;
  readonly reason: string;
  readonly cure: string;
}

/** What guards look at beside the plan. */
export interface GuardContext {
  readonly plan: Plan;
  /** Major version of the registry whose collector will run. */
  readonly major: number;
  readonly proxy: string | undefined;
  readonly allowNoTags: boolean;
  /** Which of `repositories/` and `blobs/` the storage lacks. */
  readonly missingAreas: readonly string[];
  /** Repositories that the live registry's API lists; undefined where it was not asked. */
  readonly apiRepositories: readonly string[] | undefined;
}

type Guard = (context: GuardContext) => readonly Refusal[];

/** Every guard, in the order in which they are told. Each is complete by itself; all are always asked. */
const guards: readonly Guard[] = [pullThroughCache, wrongMount, noTags, findings, otherAlgorithms, schema1];

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

function noTags({ plan, allowNoTags }: GuardContext): Refusal[] {
  const { counts } = plan.kept.inventory;
  if (allowNoTags || counts.tags > 0 || counts.manifests === 0) return [];
  return [
    {
      guard: 'no-tags',
      key: undefined,
      reason: `there are ${counts.manifests} manifests, but not one tag in the whole registry: everything would go`,
      cure: 'If that is what you want, say --unsafe-allow-no-tags.',
    },
  ];
}

/** What `check` calls an error: a tag needs it, or the collector would fail on it or sweep too much. */
function findings({ plan, major, missingAreas }: GuardContext): Refusal[] {
  return findFindings(plan.kept.inventory, { major, missingAreas })
    .filter(({ severity }) => severity === 'error')
    .map(({ kind, path, repository, tag, detail, cure }) => ({
      guard: kind,
      key: path,
      reason: `${detail}${neededBy(repository, tag)}`,
      cure,
    }));
}

function neededBy(repository: string | null, tag: string | null): string {
  if (repository === null) return '';
  return tag === null ? ` (in ${repository})` : ` (needed by ${repository}:${tag})`;
}

/** The collector marks the sha512 that the manifest names and sweeps the sha256 under which the blob is stored. */
function otherAlgorithms({ plan }: GuardContext): Refusal[] {
  const { inventory, manifests } = plan.kept;
  return inventory.repositories.flatMap(({ name, index }) =>
    [...(manifests[index]?.keys() ?? [])].flatMap((id) => {
      const digest = namesOtherAlgorithms(inventory, id);
      if (digest === undefined) return [];
      return [
        {
          guard: 'other-algorithm',
          key: keyOf.revision(name, inventory.digest(id)),
          reason: `the manifest names ${digest}; the collector would sweep it, since it is stored by its sha256`,
          cure: 'Push the image again with sha256 digests.',
        },
      ];
    }),
  );
}

function schema1({ plan, major }: GuardContext): Refusal[] {
  if (major < 3) return [];
  const { inventory, manifests } = plan.kept;
  return inventory.repositories.flatMap(({ name, index }) =>
    [...(manifests[index]?.keys() ?? [])].flatMap((id) => {
      const manifest = inventory.manifest(id);
      if (manifest?.state !== 'ok' || manifest.kind !== 'schema1') return [];
      return [
        {
          guard: 'schema1',
          key: keyOf.revision(name, inventory.digest(id)),
          reason: 'a schema 1 manifest, on which the collector of registry 3 fails',
          cure: 'Push the image again with a current client and delete this one, or collect with registry 2.8.',
        },
      ];
    }),
  );
}
