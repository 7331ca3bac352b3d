import { createHash } from 'node:crypto';
import fc from 'fast-check';

/** Where a random registry is written to: a memory storage or a directory. */
export interface Sink {
  put(key: string, content: string, modified: number): void;
}

export interface RandomManifest {
  readonly layers: readonly number[];
  /** Indices of earlier manifests; an index has some. */
  readonly children: readonly number[];
  readonly subject: number | undefined;
}

export interface RandomRepository {
  readonly name: string;
  /** Which manifests (by index into the registry's) it has a revision link for, and how old the link is (ms; negative: from the future). */
  readonly revisions: ReadonlyMap<number, number>;
  /** Tag → which manifest, and how old `current/link` is. */
  readonly tags: ReadonlyMap<
    string,
    { readonly target: number; readonly age: number; readonly history: readonly number[] }
  >;
  /** Layers linked although no manifest here names them. */
  readonly strayLinks: readonly number[];
}

/** A registry as nobody would design it: everything shared with everything. */
export interface RandomRegistry {
  readonly manifests: readonly RandomManifest[];
  readonly repositories: readonly RandomRepository[];
  readonly layers: number;
  readonly protect: readonly number[];
  readonly keepWithin: number;
}

/** The time that counts as now. */
export const now = 1_750_000_000_000;
const base = 'docker/registry/v2';

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function layerContent(layer: number): string {
  return `layer ${layer} ${'x'.repeat(layer * 3)}`;
}

export function layerDigest(layer: number): string {
  return `sha256:${sha256(layerContent(layer))}`;
}

/** The bytes of every manifest, children before parents, so that digests are real. */
export function manifestContents(registry: RandomRegistry): string[] {
  const contents: string[] = [];
  const digests: string[] = [];
  for (const [index, { layers, children, subject }] of registry.manifests.entries()) {
    const descriptor = (digest: string): object => ({ mediaType: 'application/octet-stream', digest });
    const common = {
      schemaVersion: 2,
      ...(subject === undefined ? {} : { subject: descriptor(digests[subject] ?? '') }),
      annotations: { index: String(index) },
    };
    const content =
      children.length > 0
        ? {
            ...common,
            mediaType: 'application/vnd.oci.image.index.v1+json',
            manifests: children.map((child) => descriptor(digests[child] ?? '')),
          }
        : {
            ...common,
            mediaType: 'application/vnd.oci.image.manifest.v1+json',
            config: descriptor(layerDigest(layers[0] ?? 0)),
            layers: layers.map((layer) => descriptor(layerDigest(layer))),
          };
    const text = JSON.stringify(content);
    contents.push(text);
    digests.push(`sha256:${sha256(text)}`);
  }
  return contents;
}

/** Writes the storage that a registry would have. */
export function write(registry: RandomRegistry, sink: Sink): void {
  const contents = manifestContents(registry);
  const digests = contents.map((content) => `sha256:${sha256(content)}`);
  const path = (digest: string): string => digest.replace(':', '/');
  const blob = (digest: string): string =>
    `${base}/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`;
  const old = now - 1_000_000;
  const used = new Set<number>();
  for (const { name, revisions, tags, strayLinks } of registry.repositories) {
    const repository = `${base}/repositories/${name}`;
    const links = new Set(strayLinks);
    for (const [manifest, age] of revisions) {
      used.add(manifest);
      const digest = digests[manifest] ?? '';
      sink.put(`${repository}/_manifests/revisions/${path(digest)}/link`, digest, now - age);
      const { layers, children } = registry.manifests[manifest] ?? { layers: [], children: [] };
      if (children.length === 0) for (const layer of layers.length === 0 ? [0] : layers) links.add(layer);
    }
    for (const [tag, { target, age, history }] of tags) {
      sink.put(`${repository}/_manifests/tags/${tag}/current/link`, digests[target] ?? '', now - age);
      for (const entry of new Set([...history, target])) {
        const digest = digests[entry] ?? '';
        sink.put(`${repository}/_manifests/tags/${tag}/index/${path(digest)}/link`, digest, old);
      }
    }
    for (const layer of links) {
      const digest = layerDigest(layer);
      sink.put(`${repository}/_layers/${path(digest)}/link`, digest, old);
      sink.put(blob(digest), layerContent(layer), old);
    }
  }
  for (const manifest of used) sink.put(blob(digests[manifest] ?? ''), contents[manifest] ?? '', old);
}

const age = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: -50, max: -1 }));

/** Random registries. Every tag's target and every child is in the repository: what is broken on purpose has tests of its own. */
export const randomRegistry: fc.Arbitrary<RandomRegistry> = fc
  .record({
    shapes: fc.array(
      fc.record({
        layers: fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }),
        children: fc.array(fc.nat(), { maxLength: 3 }),
        isIndex: fc.boolean(),
        subject: fc.option(fc.nat(), { nil: undefined, freq: 3 }),
      }),
      { minLength: 1, maxLength: 14 },
    ),
    repositories: fc.array(
      fc.record({
        revisions: fc.array(fc.tuple(fc.nat(), age), { maxLength: 10 }),
        tags: fc.array(fc.record({ target: fc.nat(), age, history: fc.array(fc.nat(), { maxLength: 3 }) }), {
          maxLength: 4,
        }),
        strayLinks: fc.array(fc.nat(9), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    protect: fc.array(fc.nat(), { maxLength: 2 }),
    keepWithin: fc.constantFrom(0, 1, 500, 1_000, 3_000),
  })
  .map(({ shapes, repositories, protect, keepWithin }) => {
    const manifests = shapes.map(
      ({ layers, children, isIndex, subject }, index): RandomManifest => ({
        layers,
        children: isIndex && index > 0 ? [...new Set(children.map((child) => child % index))] : [],
        subject: subject === undefined || index === 0 ? undefined : subject % index,
      }),
    );
    const count = manifests.length;
    const names = ['app', 'app/nested', 'team/web', 'z'];
    return {
      manifests,
      layers: 10,
      protect: protect.map((index) => index % count),
      keepWithin,
      repositories: repositories.map(({ revisions, tags, strayLinks }, index): RandomRepository => {
        const has = new Map(revisions.map(([manifest, linkAge]) => [manifest % count, linkAge]));
        const named = new Map<string, { target: number; age: number; history: number[] }>();
        for (const [number, tag] of tags.entries()) {
          const target = tag.target % count;
          if (!has.has(target)) has.set(target, 1_500);
          named.set(`v${number}`, {
            target,
            age: tag.age,
            history: tag.history.map((entry) => entry % count),
          });
        }
        return { name: names[index] ?? `r${index}`, revisions: has, tags: named, strayLinks };
      }),
    };
  });

/** What must stay of each repository: an own, slow reading of the rules, sharing nothing with the program. */
export function whatStays(registry: RandomRegistry): Map<string, Set<number>> {
  const stays = new Map<string, Set<number>>();
  for (const { name, revisions, tags } of registry.repositories) {
    const kept = new Set<number>();
    for (const { target } of tags.values()) kept.add(target);
    for (const index of registry.protect) if (revisions.has(index)) kept.add(index);
    for (const [index, linkAge] of revisions) {
      // Ages: the younger of the link and of every tag that has moved on from it.
      let youngest = linkAge;
      for (const tag of tags.values()) {
        if (tag.history.includes(index) || tag.target === index) youngest = Math.min(youngest, tag.age);
      }
      if (youngest < 0 || youngest < registry.keepWithin) kept.add(index);
    }
    for (let before = -1; before !== kept.size; ) {
      before = kept.size;
      for (const index of revisions.keys()) {
        const { subject } = registry.manifests[index] ?? {};
        if (subject !== undefined && kept.has(subject)) kept.add(index);
      }
      for (const index of [...kept]) {
        for (const child of registry.manifests[index]?.children ?? [])
          if (revisions.has(child)) kept.add(child);
      }
    }
    stays.set(name, kept);
  }
  return stays;
}
