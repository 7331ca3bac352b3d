import { createHash } from 'node:crypto';
import type { Inventory } from '../../src/inventory/inventory.ts';
import { readInventory } from '../../src/inventory/read.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Plan, Policy, Removal } from '../../src/plan/plan.ts';
import { type MemoryStorage, memoryStorage } from '../../src/storage/memory.ts';
import { at, digestOf } from './layout.ts';

/** The time that counts as now, and hours before it. */
export const now = Date.UTC(2026, 0, 15, 12);
export const hour = 3_600_000;

/** What anything is as old as, unless it is told otherwise: older than every `keepWithin` below. */
const old = 1_000 * hour;

interface Age {
  /** ms before `now`; negative: from the future. */
  readonly age?: number;
}

export interface ImageOptions extends Age {
  readonly tags?: readonly string[];
  /** Contents of the layers. Default: one that nobody else has. */
  readonly layers?: readonly string[];
  /** Laid over the manifest; a field of undefined is left out. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  readonly subject?: string;
}

/** A registry's storage in memory, put together by hand. */
export interface MemoryRegistry {
  readonly storage: MemoryStorage;
  /** An image of its own, with config and layers, linked in `repository`; its digest. */
  image(repository: string, options?: ImageOptions): string;
  /** An index over `children`, which need not exist. */
  index(repository: string, children: readonly string[], options?: ImageOptions): string;
  /** Any bytes as a manifest: blob and revision link. */
  manifest(
    repository: string,
    content: string | Uint8Array,
    options?: Age & { tags?: readonly string[] },
  ): string;
  /** A schema 1 manifest of one layer; its digest. */
  schema1(repository: string, tags: readonly string[]): string;
  /** A revision link, whether there is such a manifest or not. */
  revision(repository: string, digest: string, options?: Age): void;
  /** Points the tag to the digest, and remembers it in its history. */
  tag(repository: string, tag: string, digest: string, options?: Age): void;
  /** A blob that is linked in `repository`; its digest. */
  layer(repository: string, content: string, options?: Age): string;
  blob(content: string | Uint8Array, options?: Age): string;
  upload(repository: string, id: string, options?: Age & { startedAt?: string; data?: string }): void;
  read(): Promise<Inventory>;
  plan(policy?: Partial<Policy>, first?: Plan): Promise<Plan>;
}

export const policy: Policy = {
  now,
  untaggedKeepWithin: 0,
  protect: new Set(),
  uploadsKeepWithin: 168 * hour,
  removeEmptyRepositories: false,
};

export function memoryRegistry(): MemoryRegistry {
  const storage = memoryStorage(() => now - old);
  let made = 0;
  const put = (key: string, content: string | Uint8Array, { age = old }: Age = {}): void =>
    storage.put(key, content, now - age);

  const registry: MemoryRegistry = {
    storage,
    image(repository, options = {}) {
      made++;
      const layers = (options.layers ?? [`layer ${made}`]).map((content) =>
        registry.layer(repository, content),
      );
      const config = registry.layer(repository, `config ${made}`);
      const content = {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
        layers: layers.map((layer) => descriptor(layer, 'application/vnd.oci.image.layer.v1.tar+gzip')),
        ...(options.subject === undefined ? {} : { subject: descriptor(options.subject) }),
        ...options.manifest,
      };
      return registry.manifest(repository, JSON.stringify(content), options);
    },
    index(repository, children, options = {}) {
      made++;
      const content = {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: children.map((child) => descriptor(child)),
        annotations: { number: String(made) },
        ...(options.subject === undefined ? {} : { subject: descriptor(options.subject) }),
        ...options.manifest,
      };
      return registry.manifest(repository, JSON.stringify(content), options);
    },
    manifest(repository, content, { tags = [], ...age } = {}) {
      const digest = registry.blob(content);
      registry.revision(repository, digest, age);
      storage.mkdir(`${at.repository(repository)}/_manifests/tags/`);
      for (const tag of tags) registry.tag(repository, tag, digest);
      return digest;
    },
    schema1(repository, tags) {
      const content = {
        schemaVersion: 1,
        name: repository,
        tag: 'v1',
        architecture: 'amd64',
        fsLayers: [{ blobSum: registry.layer(repository, 'layer') }],
        history: [{ v1Compatibility: '{}' }],
      };
      return registry.manifest(repository, JSON.stringify(content), { tags });
    },
    revision: (repository, digest, age) => put(at.revision(repository, digest), digest, age),
    tag(repository, tag, digest, age) {
      put(at.history(repository, tag, digest), digest);
      put(at.current(repository, tag), digest, age);
    },
    layer(repository, content, age) {
      const digest = registry.blob(content, age);
      put(at.layer(repository, digest), digest, age);
      return digest;
    },
    blob(content, age) {
      const digest = digestOf(Buffer.from(content));
      put(at.blob(digest), content, age);
      return digest;
    },
    upload(repository, id, { startedAt, data = 'half', ...age } = {}) {
      const directory = at.upload(repository, id);
      const started = startedAt ?? new Date(now - (age.age ?? old)).toISOString().replace(/\.\d+/, '');
      put(`${directory}/startedat`, started, age);
      put(`${directory}/data`, data, age);
    },
    read: () => readInventory(storage),
    plan: async (over = {}, first = undefined) =>
      makePlan(await registry.read(), { ...policy, ...over }, first),
  };
  return registry;
}

/** What a manifest says of something that it names. */
export function descriptor(digest: string, mediaType = 'application/vnd.oci.image.manifest.v1+json'): object {
  return { mediaType, digest };
}

/** A digest that nothing has. */
export function absentDigest(name: string, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(`absent ${name}`).digest('hex')}`;
}

/** Why each manifest that `plan` keeps is kept: digest → reason. */
export function reasons(plan: Plan): Record<string, string> {
  return Object.fromEntries([...plan.keep].map(({ digest, because }) => [digest, because]));
}

/** Keys of what goes, of one kind. */
export function removals(plan: Plan, kind: Removal['kind']): string[] {
  return Array.from(plan.remove.of(kind), ({ key }) => key);
}
