import type { Digest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';
import type { InventoryBuilder } from './builder.ts';
import type { DigestId } from './inventory.ts';
import { readLinkPatiently } from './read-link.ts';
import { readManifest } from './read-manifest.ts';

interface Needed {
  readonly kind: 'revision' | 'layer-link';
  readonly repository: string;
  readonly digest: Digest;
  readonly key: string;
}

/**
 * Looks for links that tags and manifests need and that no listing has shown: pushes go on while we read, and may write
 * a link after its directory was listed and before the tag was read that leads to it. What is not there now is missing.
 */
export async function readLateLinks(reader: Reader, builder: InventoryBuilder): Promise<void> {
  // What is wrong with a link that was read is told already.
  const asked = new Set(builder.oddities.map(({ key }) => key));
  for (;;) {
    const needed = neededLinks(builder).filter(({ key }) => !asked.has(key) && !builder.isBehindSymlink(key));
    if (needed.length === 0) return;
    for (const link of needed) {
      asked.add(link.key);
      await look(reader, builder, link);
    }
  }
}

/** What tags and manifests need and their repository does not have so far. A child may be a revision or a layer. */
function neededLinks(builder: InventoryBuilder): Needed[] {
  const needed: Needed[] = [];
  for (const { name: repository, tags, revisions, layers } of builder.soFar()) {
    const missingRevisions = new Set<DigestId>();
    const missingLayers = new Set<DigestId>();
    for (const { target } of tags) if (!revisions.has(target)) missingRevisions.add(target);
    for (const id of revisions) {
      const manifest = builder.manifestOf(id);
      if (manifest?.state !== 'ok') continue;
      for (const blob of manifest.blobs) if (!layers.has(blob)) missingLayers.add(blob);
      for (const child of manifest.children) {
        if (revisions.has(child) || layers.has(child)) continue;
        missingRevisions.add(child);
        missingLayers.add(child);
      }
    }
    for (const id of missingRevisions) {
      const digest = builder.digests.text(id);
      needed.push({ kind: 'revision', repository, digest, key: keyOf.revision(repository, digest) });
    }
    for (const id of missingLayers) {
      const digest = builder.digests.text(id);
      needed.push({ kind: 'layer-link', repository, digest, key: keyOf.layerLink(repository, digest) });
    }
  }
  return needed;
}

async function look(
  reader: Reader,
  builder: InventoryBuilder,
  { kind, repository, digest, key }: Needed,
): Promise<void> {
  const entry = await reader.stat(key);
  if (entry?.type !== 'file') return;
  const target = await readLinkPatiently(reader, key);
  if (target === undefined) return;
  if (typeof target !== 'string') {
    builder.oddities.push({ kind: 'malformed-link', key, detail: target.wrong });
  } else if (kind === 'layer-link') {
    builder.layerLink(repository, digest, target, entry.modified);
  } else if (target !== digest) {
    builder.oddities.push({ kind: 'link-mismatch', key, detail: `names ${target}` });
  } else {
    builder.revision(repository, digest, entry.modified);
    const id = builder.digests.intern(digest);
    if (builder.manifestOf(id) === undefined) {
      builder.manifest(id, await readManifest(reader, builder, id));
    }
  }
}
