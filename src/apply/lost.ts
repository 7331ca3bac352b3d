import type { DigestId, Inventory, Repository, Tag } from '../inventory/inventory.ts';
import { Places } from '../inventory/places.ts';
import { keyOf } from '../registry/layout.ts';
import { idsIn } from './same-ids.ts';

/*
 * What two readings of a storage are compared by, without a text or an object for what is there: a large one has
 * hundreds of thousands of everything.
 */

/** Looks for blobs of `before` in `after`: one that is gone, or has another size, is lost. What was missing before is not. */
export function lostBlobs(
  before: Inventory,
  after: Inventory,
): { look(id: DigestId): void; readonly lost: readonly string[] } {
  const idIn = idsIn(before, after);
  const seen = new Uint8Array(before.digestCount);
  const lost: string[] = [];
  return {
    lost,
    look(id) {
      if (seen[id] === 1) return;
      seen[id] = 1;
      if (!before.hasBlob(id)) return;
      const now = idIn(id);
      if (now === -1 || !after.hasBlob(now) || after.blobSize(now) !== before.blobSize(id))
        lost.push(keyOf.blob(before.digest(id)));
    },
  };
}

/** Looks for the layer links of `before`, which manifests of their repository need, in `after`. */
export function lostLinks(
  before: Inventory,
  after: Inventory,
): { in(repository: Repository, manifests: Iterable<DigestId>): string[] } {
  const idIn = idsIn(before, after);
  /** The repository, by its index and one more, of which a digest is needed, or there, last. */
  const needed = new Int32Array(before.digestCount);
  const there = new Int32Array(after.digestCount);
  return {
    in(repository, manifests) {
      const mark = repository.index + 1;
      for (const id of manifests) {
        const manifest = before.manifest(id);
        if (manifest?.state !== 'ok') continue;
        for (const blob of manifest.blobs) needed[blob] = mark;
        for (const child of manifest.children) needed[child] = mark;
      }
      const now = after.repository(repository.name);
      if (now !== undefined) {
        after.eachLayerLink(now, (path) => {
          there[path] = mark;
        });
      }
      const lost: string[] = [];
      before.eachLayerLink(repository, (path) => {
        if (needed[path] === mark && there[idIn(path)] !== mark)
          lost.push(keyOf.layerLink(repository.name, before.digest(path)));
      });
      return lost;
    },
  };
}

/** Tags of the repository by name; undefined for one that is not there. */
export function tagsOf(repository: Repository | undefined): (name: string) => Tag | undefined {
  const tags = repository?.tags ?? [];
  const places = new Places(tags.length, (place) => tags[place]?.name ?? '');
  return (name) => tags[places.of(name)];
}
