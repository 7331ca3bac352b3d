import type { DigestId, Inventory, Oddity } from '../inventory/inventory.ts';
import { keyOf, placeOf, repositoriesRoot, storageRoot } from '../registry/layout.ts';
import { collectorHazards } from './collector-hazards.ts';
import { type Damage, type DamageFound, findDamage } from './damage.ts';
import { finding, type StorageFinding } from './finding.ts';
import { damagedBy, spoiltBy } from './isolate.ts';
import { type FindingKind, kinds, type Severity } from './kinds.ts';
import { findOrphans } from './orphans.ts';
import type { CollectorName, Plan } from './plan.ts';
import { type Needer, whoNeeds } from './who-needs.ts';

export type { FindingKind, Severity, StorageFinding };

/** What decides, beside what the storage holds, how bad a thing is. */
export interface About {
  /** Major version of the registry whose collector will run. */
  readonly major: number;
  /** Which of `repositories/` and `blobs/` the storage lacks. */
  readonly missingAreas: readonly string[];
  readonly allowNoTags: boolean;
  /** `proxy.remoteurl`, when it is a pull-through cache. */
  readonly proxy: string | undefined;
  /** Which collector will run; the registry's own by default, which stumbles over more. */
  readonly collector?: CollectorName;
}

/** What reading every blob told. */
export interface BlobFaults {
  /** Their bytes are not what their name says. */
  readonly corrupt: ReadonlySet<DigestId>;
  /** The disk fails on them: why. */
  readonly unreadable: ReadonlyMap<DigestId, string>;
}

/**
 * Everything that is broken or odd, the worst first. What only manifests that go have (an unusual digest, an old schema)
 * is not told: it goes with them before the collector sees it. Damage to a repository that the plan leaves alone is a
 * warning.
 */
export function findFindings(plan: Plan, about: About, faults?: BlobFaults): StorageFinding[] {
  const { inventory } = plan.kept;
  const found = withoutConsequences(findDamage(inventory), about.missingAreas);
  const faulty = faults === undefined ? [] : faultyBlobs(inventory, faults, found.damage);
  const rest = about.missingAreas.includes('blobs/') ? [] : orphans(inventory, found);
  return worstFirst([
    ...decisive(plan, about, found),
    ...[...faulty, ...rest].map((one) => judge(one, about)),
  ]);
}

/** Those that a run refuses on. */
export function findObstacles(plan: Plan, about: About): StorageFinding[] {
  const found = withoutConsequences(findDamage(plan.kept.inventory), about.missingAreas);
  return worstFirst(decisive(plan, about, found).filter(({ severity }) => severity !== 'warning'));
}

/** All among which there may be something that speaks against a run. */
function decisive({ kept, isolated }: Plan, about: About, found: DamageFound): StorageFinding[] {
  const { inventory } = kept;
  const all = [
    ...found.damage.map((damage) => leaveAlone(fromDamage(damage), isolated, damagedBy(damage))),
    ...inventory.oddities.map((oddity) =>
      leaveAlone(fromOddity(oddity, found.needed.get(oddity.key)), isolated, spoiltBy(oddity)),
    ),
    ...halfAStorage(inventory, about.missingAreas),
    ...noTags(inventory, about.allowNoTags),
    ...(about.collector === 'native' ? [] : collectorHazards(kept, about.major, found)),
  ];
  return all.map((one) => judge(one, about));
}

/** As bad as it is for what is cleaned, and by whom. */
function judge(found: StorageFinding, { proxy, collector }: About): StorageFinding {
  const { cached, native } = kinds[found.kind];
  if (proxy !== undefined && cached !== undefined) return { ...found, severity: cached };
  return collector === 'native' && native === 'warning' ? { ...found, severity: native } : found;
}

/** `culprit`: the repository that can be left alone because of it. */
function leaveAlone(
  found: StorageFinding,
  isolated: ReadonlySet<string>,
  culprit: string | undefined,
): StorageFinding {
  if (found.severity === 'warning' || culprit === undefined || !isolated.has(culprit)) return found;
  return { ...found, severity: 'warning', detail: `left alone: ${found.detail}`, leftAlone: true };
}

function orphans(inventory: Inventory, found: DamageFound): StorageFinding[] {
  return findOrphans(inventory, found).map(({ kind, repository, key, count }) => {
    const detail = count === 1 ? kinds[kind].means : `${count} of them, such as this one`;
    return finding(kind, key, { repository, count, detail });
  });
}

/** Where there are no blobs at all, that is what is to be told, and not each of them that is missing. */
function withoutConsequences(found: DamageFound, missingAreas: readonly string[]): DamageFound {
  if (!missingAreas.includes('blobs/')) return found;
  const owed: ReadonlySet<FindingKind> = new Set(['manifest-missing', 'blob-missing']);
  return { ...found, damage: found.damage.filter(({ kind }) => !owed.has(kind)) };
}

function fromDamage({ kind, key, ...particulars }: Damage): StorageFinding {
  return finding(kind, key, particulars);
}

function fromOddity({ kind, key, detail }: Oddity, needer: Partial<Needer> = {}): StorageFinding {
  const place = placeOf(key);
  const repository = needer.repository ?? ('repository' in place ? place.repository : undefined);
  const tag = needer.tag ?? ('tag' in place ? place.tag : undefined);
  return finding(kind, key, { repository, tag, detail });
}

function halfAStorage({ counts }: Inventory, missingAreas: readonly string[]): StorageFinding[] {
  if (counts.manifests + counts.tags + counts.layerLinks + counts.blobs === 0) return [];
  const detail = 'the directory is not there, although the rest of the storage holds something';
  return missingAreas.map((area) => ({
    ...finding('half-a-storage', `${storageRoot}${area}`, { detail }),
    // Nobody knows which tags there were.
    severity: kinds['half-a-storage'].severity,
  }));
}

function noTags({ counts }: Inventory, allowNoTags: boolean): StorageFinding[] {
  if (allowNoTags || counts.tags > 0 || counts.manifests === 0) return [];
  const detail = `there are ${counts.manifests} manifests, but not one tag in the whole registry: everything would go`;
  return [finding('no-tags', repositoriesRoot, { detail })];
}

/** A manifest that does not hash to its name was found already, with more to say about it; so was a blob's wrong size. */
function faultyBlobs(
  inventory: Inventory,
  { corrupt, unreadable }: BlobFaults,
  damage: readonly Damage[],
): StorageFinding[] {
  const needers = whoNeeds(inventory, new Set([...corrupt, ...unreadable.keys()]));
  const told = new Set(damage.map(({ key }) => key));
  const about = (needer: Needer | undefined) => ({ repository: needer?.repository, tag: needer?.tag });
  const found = [
    ...[...corrupt].map((id) =>
      finding('blob-corrupt', keyOf.blob(inventory.digest(id)), about(needers.get(id))),
    ),
    ...[...unreadable].map(([id, detail]) =>
      finding('blob-unreadable', keyOf.blob(inventory.digest(id)), { ...about(needers.get(id)), detail }),
    ),
  ];
  return found.filter(({ path }) => !told.has(path));
}

const severities: readonly Severity[] = ['error', 'obstacle', 'warning'];

/** The worst first, those of one kind together, each sort in its order. */
function worstFirst(findings: readonly StorageFinding[]): StorageFinding[] {
  const order = new Map<FindingKind, number>();
  for (const { kind } of findings) if (!order.has(kind)) order.set(kind, order.size);
  const rank = ({ severity, kind }: StorageFinding): number =>
    severities.indexOf(severity) * order.size + (order.get(kind) ?? 0);
  return findings.toSorted((a, b) => rank(a) - rank(b));
}
