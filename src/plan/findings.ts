import type { DigestId, Inventory, Oddity } from '../inventory/inventory.ts';
import type { Digest } from '../registry/digest.ts';
import { keyOf, placeOf, repositoriesRoot, storageRoot } from '../registry/layout.ts';
import { type Damage, type DamageFound, findDamage, namesOtherAlgorithms } from './damage.ts';
import { type FindingKind, kinds, type Severity, severityOf } from './kinds.ts';
import { findOrphans } from './orphans.ts';
import type { Kept, Plan } from './plan.ts';
import { type Needer, tagsThatNeed, whoNeeds } from './who-needs.ts';

export type { FindingKind, Severity };

/** Something that `check` tells, and that a run refuses on unless it is a warning. `path` is a storage key. */
export interface StorageFinding {
  readonly severity: Severity;
  readonly kind: FindingKind;
  readonly path: string;
  readonly repository: string | null;
  /** A tag that needs it. */
  readonly tag: string | null;
  /** The manifest with which it would go from its repository. */
  readonly manifest: Digest | null;
  /** How many there are of it: `path` is one of them. */
  readonly count: number;
  readonly detail: string;
  readonly cure: string;
}

/** What decides, beside what the storage holds, how bad a thing is. */
export interface About {
  /** Major version of the registry whose collector will run. */
  readonly major: number;
  /** Which of `repositories/` and `blobs/` the storage lacks. */
  readonly missingAreas: readonly string[];
  readonly allowNoTags: boolean;
  /** `proxy.remoteurl`, when it is a pull-through cache. */
  readonly proxy: string | undefined;
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
 * is not told: it goes with them before the collector sees it.
 */
export function findFindings(plan: Plan, about: About, faults?: BlobFaults): StorageFinding[] {
  const { kept } = plan;
  const { inventory } = kept;
  const found = withoutConsequences(findDamage(inventory), about.missingAreas);
  const faulty = faults === undefined ? [] : faultyBlobs(inventory, faults, found.damage);
  const all = [
    ...found.damage.map(fromDamage),
    ...inventory.oddities.map((oddity) => fromOddity(oddity, found.needed.get(oddity.key))),
    ...withoutLayersDirectory(inventory, about.major, found),
    ...halfAStorage(inventory, about.missingAreas),
    ...noTags(inventory, about.allowNoTags),
    ...otherAlgorithms(kept),
    ...(about.major >= 3 ? schema1(kept) : []),
    ...faulty,
    ...(about.missingAreas.includes('blobs/') ? [] : orphans(inventory, found)),
  ];
  return worstFirst(about.proxy === undefined ? all : all.map(asInACache));
}

function asInACache(found: StorageFinding): StorageFinding {
  return { ...found, severity: kinds[found.kind].cached ?? found.severity };
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

interface Particulars {
  readonly repository?: string | null | undefined;
  readonly tag?: string | null | undefined;
  readonly manifest?: Digest;
  readonly count?: number;
  readonly detail?: string;
}

function finding(kind: FindingKind, path: string, particulars: Particulars): StorageFinding {
  const { means, cure } = kinds[kind];
  const { repository = null, tag = null, manifest = null, count = 1, detail = means } = particulars;
  const severity = severityOf(kind, tag !== null);
  return { severity, kind, path, repository, tag, manifest, count, detail, cure };
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

function withoutLayersDirectory(
  inventory: Inventory,
  major: number,
  { inTheWay }: DamageFound,
): StorageFinding[] {
  return inventory.repositories
    .filter(({ directories }) => directories.has('_manifests') && !directories.has('_layers'))
    .filter(({ revisionCount }) => major >= 3 || revisionCount > 0)
    .map(({ name }) => ({ repository: name, key: keyOf.area(name, '_layers') }))
    .filter(({ key }) => inTheWay(key) === undefined)
    .map(({ repository, key }) => finding('no-layers-directory', key, { repository }));
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

/** The collector marks the sha512 that the manifest names and sweeps the sha256 under which the blob is stored. */
function otherAlgorithms(kept: Kept): StorageFinding[] {
  return eachKept(kept, (id) => {
    const digest = namesOtherAlgorithms(kept.inventory, id);
    if (digest === undefined) return undefined;
    const detail = `the manifest names ${digest}; the collector would sweep it, since it is stored by its sha256`;
    return { kind: 'other-algorithm', detail };
  });
}

function schema1(kept: Kept): StorageFinding[] {
  return eachKept(kept, (id) => {
    const manifest = kept.inventory.manifest(id);
    if (manifest?.state !== 'ok' || manifest.kind !== 'schema1') return undefined;
    return { kind: 'schema1', detail: kinds.schema1.means };
  });
}

/** A finding for every manifest that stays and is seen to be odd, at its revision link. */
function eachKept(
  { inventory, manifests }: Kept,
  see: (id: DigestId) => { kind: FindingKind; detail: string } | undefined,
): StorageFinding[] {
  return inventory.repositories.flatMap((repository) => {
    const seen = new Map<DigestId, { kind: FindingKind; detail: string }>();
    for (const id of manifests[repository.index]?.keys() ?? []) {
      const odd = see(id);
      if (odd !== undefined) seen.set(id, odd);
    }
    if (seen.size === 0) return [];
    const tags = tagsThatNeed(inventory, repository, seen);
    return [...seen].map(([id, { kind, detail }]) => {
      const manifest = inventory.digest(id);
      const about = { repository: repository.name, tag: tags.get(id) ?? null, manifest, detail };
      return finding(kind, keyOf.revision(repository.name, manifest), about);
    });
  });
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
