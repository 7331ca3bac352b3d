import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../src/report/check-document.ts';
import { at, digestOf } from './layout.ts';
import { deleteManifest, pushImage, pushMultiArch } from './push.ts';
import type { TestRegistry } from './registry.ts';

/** What is expected of one damage: where it is, and whom it hurts. `path` is below the driver's root. */
export interface Expected {
  readonly kind: string;
  readonly path: string;
  readonly tag?: string | null;
  readonly severity?: Finding['severity'];
}

export interface Damage {
  readonly id: string;
  readonly title: string;
  /** Does it to `damaged/<id>`, which has an image or an index `v1`, and tells what must be found. */
  make(repository: string, registry: TestRegistry): Promise<readonly Expected[]>;
  /** Only reading every byte finds it. */
  readonly hidden?: boolean;
}

/** One in each repository of a registry that runs. */
export const damages: readonly Damage[] = [
  {
    id: 'layer-gone',
    title: 'a layer is gone',
    async make(repository, registry) {
      const { blobs } = await pushImage(registry.url, repository, 'v1');
      return [remove(registry, at.blob(blobs[1] ?? ''), { kind: 'blob-missing' })];
    },
  },
  {
    id: 'config-gone',
    title: 'a config is gone',
    async make(repository, registry) {
      const { blobs } = await pushImage(registry.url, repository, 'v1', { dialect: 'docker' });
      return [remove(registry, at.blob(blobs[0] ?? ''), { kind: 'blob-missing' })];
    },
  },
  {
    id: 'manifest-gone',
    title: 'a manifest is gone',
    async make(repository, registry) {
      const { digest } = await pushImage(registry.url, repository, 'v1');
      return [remove(registry, at.blob(digest), { kind: 'manifest-missing' })];
    },
  },
  {
    id: 'child-gone',
    title: 'the manifest of a child is gone',
    async make(repository, registry) {
      const { images } = await pushMultiArch(registry.url, repository, 'v1');
      return [remove(registry, at.blob(images[1]?.digest ?? ''), { kind: 'manifest-missing' })];
    },
  },
  {
    id: 'layer-of-a-child-gone',
    title: 'a layer of a child is gone',
    async make(repository, registry) {
      const { images } = await pushMultiArch(registry.url, repository, 'v1');
      return [remove(registry, at.blob(images[1]?.blobs[1] ?? ''), { kind: 'blob-missing' })];
    },
  },
  {
    id: 'manifest-empty',
    title: 'a manifest has no bytes',
    async make(repository, registry) {
      const { digest } = await pushImage(registry.url, repository, 'v1');
      return [write(registry, at.blob(digest), '', { kind: 'manifest-damaged' })];
    },
  },
  {
    id: 'manifest-other',
    title: 'a manifest is one, but not that of its digest',
    async make(repository, registry) {
      const { digest, bytes } = await pushImage(registry.url, repository, 'v1');
      return [write(registry, at.blob(digest), `${text(bytes)} `, { kind: 'manifest-damaged' })];
    },
  },
  {
    id: 'layer-link-gone',
    title: 'the link of a layer is gone',
    async make(repository, registry) {
      const { blobs } = await pushImage(registry.url, repository, 'v1');
      return [remove(registry, at.layer(repository, blobs[1] ?? ''), { kind: 'layer-link-missing' })];
    },
  },
  {
    id: 'revision-gone',
    title: 'a tag names a manifest that the repository does not have',
    async make(repository, registry) {
      const { digest } = await pushImage(registry.url, repository, 'v1');
      rmSync(join(registry.root, at.revision(repository, digest)));
      return [{ kind: 'tag-without-revision', path: at.current(repository, 'v1') }];
    },
  },
  {
    id: 'tag-empty',
    title: 'the link of a tag has no bytes',
    async make(repository, registry) {
      await pushImage(registry.url, repository, 'v1');
      return [write(registry, at.current(repository, 'v1'), '', { kind: 'malformed-link' })];
    },
  },
  {
    id: 'revision-empty',
    title: 'the link of an untagged manifest has a newline at its end',
    async make(repository, registry) {
      const { digest } = await pushImage(registry.url, repository, undefined);
      await pushImage(registry.url, repository, 'v1', { seed: 'whole' });
      const found = { kind: 'malformed-link', tag: null, severity: 'obstacle' } as const;
      return [write(registry, at.revision(repository, digest), `${digest}\n`, found)];
    },
  },
  {
    id: 'layers-directory-gone',
    title: '_layers is gone, without which images are swept',
    async make(repository, registry) {
      const { blobs } = await pushImage(registry.url, repository, 'v1');
      const area = `${at.repository(repository)}/_layers`;
      return [
        remove(registry, area, { kind: 'no-layers-directory', tag: null, severity: 'obstacle' }, `${area}/`),
        ...blobs.map((blob) => ({ kind: 'layer-link-missing', path: at.layer(repository, blob) })),
      ];
    },
  },
  {
    id: 'children-deleted',
    title: 'the children of an index were deleted, perhaps on purpose',
    async make(repository, registry) {
      const { images } = await pushMultiArch(registry.url, repository, 'v1');
      for (const { digest } of images) await deleteManifest(registry.url, repository, digest);
      return images.map(({ digest }) => ({
        kind: 'sparse-index',
        path: at.revision(repository, digest),
        severity: 'warning',
      }));
    },
  },
  {
    id: 'left-over',
    title: 'a write was cut off before its file got its name',
    async make(repository, registry) {
      const { digest } = await pushImage(registry.url, repository, 'v1');
      const path = `${at.revision(repository, digest)}.b3d1.tmp`;
      return [write(registry, path, 'sha', { kind: 'temporary', tag: null, severity: 'warning' })];
    },
  },
  {
    id: 'layer-flipped',
    title: 'a byte of a layer is another one',
    hidden: true,
    async make(repository, registry) {
      const { blobs } = await pushImage(registry.url, repository, 'v1');
      return [flip(registry, blobs[1] ?? '', { kind: 'blob-corrupt' })];
    },
  },
  {
    id: 'child-flipped',
    title: 'a byte of the config of a child is another one',
    hidden: true,
    async make(repository, registry) {
      const { images } = await pushMultiArch(registry.url, repository, 'v1');
      return [flip(registry, images[0]?.blobs[0] ?? '', { kind: 'blob-corrupt' })];
    },
  },
  {
    id: 'untagged-flipped',
    title: 'a byte of a layer that only an untagged manifest needs is another one',
    hidden: true,
    async make(repository, registry) {
      const { blobs } = await pushImage(registry.url, repository, undefined);
      return [flip(registry, blobs[1] ?? '', { kind: 'blob-corrupt', tag: null, severity: 'warning' })];
    },
  },
];

type Found = Omit<Expected, 'path'>;

function remove(registry: TestRegistry, path: string, found: Found, told = path): Expected {
  rmSync(join(registry.root, path), { recursive: true });
  return { ...found, path: told };
}

function write(registry: TestRegistry, path: string, content: string, found: Found): Expected {
  writeFileSync(join(registry.root, path), content);
  return { ...found, path };
}

/** Changes one bit in the middle of a blob. */
export function flip(registry: TestRegistry, digest: string, found: Found): Expected {
  const path = at.blob(digest);
  const file = join(registry.root, path);
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  if (digestOf(bytes) === digest) throw new Error(`${digest} was damaged before`);
  writeFileSync(file, bytes);
  return { ...found, path };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
