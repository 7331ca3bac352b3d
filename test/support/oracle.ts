import { at } from './layout.ts';
import {
  blobAt,
  isWhole,
  type Link,
  type Model,
  type RepositoryModel,
  readModel,
  referencesOf,
  resolve,
} from './model.ts';

// What must stay in a storage and what nobody can reach, told from the raw tree with nothing of the program's own:
// the judge of it. Everything untagged counts as old (`untagged.keepWithin` of 0).

/** Paths below the driver's root of what no tag needs. */
export interface Unreachable {
  readonly revisions: readonly string[];
  readonly layerLinks: readonly string[];
  readonly tagHistory: readonly string[];
  readonly blobs: readonly string[];
}

/** All that a tag needs. */
interface TagClosure {
  readonly target: string;
  /** Of this repository: the target, its children, the referrers of them all, and so on. */
  readonly manifests: readonly string[];
  /** Children that this repository has no revision link for (a sparse index): not to be pulled from here. */
  readonly sparse: readonly string[];
  /** Files below the driver's root that must be there: links and blobs. */
  readonly paths: readonly string[];
  /** Those of `paths` that are absent or do not hold what their path says. */
  readonly damaged: readonly string[];
}

/** `repository:tag` → what it needs. */
export type Closures = ReadonlyMap<string, TagClosure>;

/** The closure of every tag, every blob of it read and hashed. */
export function closure(root: string): Closures {
  const model = readModel(root);
  const closures = new Map<string, TagClosure>();
  for (const repository of model.repositories.values()) {
    for (const [name, tag] of repository.tags) {
      const reached = reach(model, repository, [tag.target]);
      const paths = [tag.path, ...pathsOf(model, repository, reached)];
      const damaged = paths.filter((path) => !holds(model, path)).sort();
      closures.set(`${repository.name}:${name}`, {
        target: tag.target,
        manifests: [...reached.manifests].sort(),
        sparse: [...reached.sparse].sort(),
        paths: paths.sort(),
        damaged,
      });
    }
  }
  return closures;
}

/** Fails, naming every loss, unless each tag of `before` resolves to the same target and all it needs is still whole. */
export function assertNothingLost(before: Closures, after: Closures): void {
  const lost: string[] = [];
  for (const [tag, was] of before) {
    const is = after.get(tag);
    if (is === undefined) {
      lost.push(`${tag}: gone`);
      continue;
    }
    if (is.target !== was.target) lost.push(`${tag}: ${was.target} → ${is.target}`);
    const whole = new Set(is.paths);
    for (const path of is.damaged) whole.delete(path);
    const excused = new Set(was.damaged);
    for (const path of was.paths) {
      if (!whole.has(path) && !excused.has(path)) lost.push(`${tag}: ${path}`);
    }
  }
  if (lost.length > 0) throw new Error(`Lost:\n  ${lost.join('\n  ')}`);
}

/** Everything that no tag needs; all four empty when the storage is clean. */
export function unreachable(root: string): Unreachable {
  const model = readModel(root);
  const repositories = [...model.repositories.values()];
  const needed = new Set<string>();
  for (const repository of repositories) {
    const targets = [...repository.tags.values()].map((tag) => tag.target);
    for (const path of pathsOf(model, repository, reach(model, repository, targets))) needed.add(path);
  }
  const rest = (links: Iterable<Link>) =>
    [...links]
      .map((link) => link.path)
      .filter((path) => !needed.has(path))
      .sort();
  return {
    revisions: repositories.flatMap((repository) => rest(repository.revisions.values())),
    layerLinks: repositories.flatMap((repository) =>
      spareOne(repository, needed, rest(repository.layers.values())),
    ),
    tagHistory: repositories.flatMap((repository) =>
      repository.history
        .filter((entry) => !needed.has(at.revision(repository.name, entry.digest)))
        .map((entry) => entry.path)
        .sort(),
    ),
    blobs: [...model.blobs.values()].filter((path) => !needed.has(path)).sort(),
  };
}

interface Reached {
  readonly manifests: Set<string>;
  readonly sparse: Set<string>;
}

/** Children and referrers of `roots` and of each other, within one repository. */
function reach(model: Model, repository: RepositoryModel, roots: readonly string[]): Reached {
  const manifests = new Set<string>();
  const sparse = new Set<string>();
  const enter = (digest: string) => {
    if (manifests.has(digest)) return;
    manifests.add(digest);
    for (const child of referencesOf(model, digest)?.children ?? []) {
      if (repository.revisions.has(child)) enter(child);
      else sparse.add(child);
    }
  };
  roots.forEach(enter);
  for (let size = -1; size !== manifests.size; ) {
    size = manifests.size;
    for (const digest of repository.revisions.keys()) {
      const subject = referencesOf(model, digest)?.subject;
      if (subject !== undefined && manifests.has(subject)) enter(digest);
    }
  }
  return { manifests, sparse };
}

function pathsOf(model: Model, repository: RepositoryModel, reached: Reached): string[] {
  const paths = new Set<string>();
  for (const digest of reached.manifests) {
    paths.add(at.revision(repository.name, digest)).add(at.blob(digest));
    for (const blob of referencesOf(model, digest)?.blobs ?? []) {
      const target = resolve(repository, blob);
      paths.add(at.layer(repository.name, blob)).add(at.blob(target));
      // A blob that was pushed by its sha512 has a link by its sha256, too.
      if (repository.layers.has(target)) paths.add(at.layer(repository.name, target));
    }
  }
  // Collectors keep the manifest of a sparse child where there is one; its layers are nobody's here.
  for (const digest of reached.sparse) if (model.blobs.has(digest)) paths.add(at.blob(digest));
  return [...paths];
}

/** 2.8 loses sight of a repository that has manifests and no `_layers`: one dead link may hold it open. */
function spareOne(
  repository: RepositoryModel,
  needed: ReadonlySet<string>,
  dead: readonly string[],
): readonly string[] {
  const alone = dead.length === repository.layers.size;
  const alive = [...repository.revisions.values()].some((link) => needed.has(link.path));
  return alone && alive ? dead.slice(0, -1) : dead;
}

function holds(model: Model, path: string): boolean {
  const link = model.links.get(path);
  if (link === undefined) {
    const blob = blobAt(path);
    return blob !== undefined && isWhole(model, blob);
  }
  const wellFormed = /^sha256:[0-9a-f]{64}$/.test(link.target);
  return wellFormed && (link.kind !== 'revision' || link.target === link.digest);
}

export { skopeoCopyAll } from './skopeo.ts';
