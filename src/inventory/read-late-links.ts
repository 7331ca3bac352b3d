import type { Digest } from '../registry/digest.ts';
import { keyOf } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';
import type { Draft, InventoryBuilder } from './builder.ts';
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

/**
 * What tags and manifests need and their repository does not have so far. A child may be a revision or a layer. Nearly
 * always that is nothing, so no digest is spelled out but a missing one's.
 */
function neededLinks(builder: InventoryBuilder): Needed[] {
  const needed: Needed[] = [];
  // The repository (its index, and one more) of which an id was seen last: as a revision, as a layer, as missing.
  const size = builder.digests.size;
  const seen = { revision: new Int32Array(size), layer: new Int32Array(size) };
  const missed = { revision: new Int32Array(size), layer: new Int32Array(size) };

  function inRepository({ index, name, tags }: Draft): void {
    const mark = index + 1;
    const isMissing = (what: 'revision' | 'layer', id: DigestId): boolean => seen[what][id] !== mark;
    function need(what: 'revision' | 'layer', id: DigestId): void {
      if (missed[what][id] === mark) return;
      missed[what][id] = mark;
      const digest = builder.digests.text(id);
      needed.push(
        what === 'revision'
          ? { kind: 'revision', repository: name, digest, key: keyOf.revision(name, digest) }
          : { kind: 'layer-link', repository: name, digest, key: keyOf.layerLink(name, digest) },
      );
    }
    const rows = builder.revisions.rows(index);
    for (const row of rows) seen.revision[builder.revisions.target(row)] = mark;
    builder.layers.each(index, (path) => {
      seen.layer[path] = mark;
    });
    for (const { target } of tags) if (isMissing('revision', target)) need('revision', target);
    for (const row of rows) {
      const manifest = builder.manifestOf(builder.revisions.target(row));
      if (manifest?.state !== 'ok') continue;
      for (const blob of manifest.blobs) if (isMissing('layer', blob)) need('layer', blob);
      for (const child of manifest.children) {
        if (!isMissing('revision', child) || !isMissing('layer', child)) continue;
        need('revision', child);
        need('layer', child);
      }
    }
  }

  for (const draft of builder.drafts) inRepository(draft);
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
