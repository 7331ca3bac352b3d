import { isSpareDirectory, type Place } from '../registry/layout.ts';
import type { Entry, Reader } from '../storage/storage.ts';
import type { InventoryBuilder } from './builder.ts';
import { startedAt } from './read-link.ts';

/** Records whatever is no link: uploads, tag history, empty directories, and everything odd. */
export async function take(
  reader: Reader,
  builder: InventoryBuilder,
  entry: Entry,
  place: Place,
): Promise<void> {
  const { key } = entry;
  if (entry.type === 'symlink' || entry.type === 'other') {
    const kind = entry.type === 'symlink' ? 'symlink' : 'special';
    builder.oddities.push({ kind, key, detail: kind === 'symlink' ? 'a symbolic link' : 'not a file' });
    return;
  }
  switch (place.kind) {
    case 'tag-history':
      builder.directory(place.repository, '_manifests', 'tags');
      builder.tagSeen(place.repository, place.tag);
      builder.history(place.repository, place.tag, place.digest, entry.modified);
      if (entry.size !== place.digest.length) {
        builder.oddities.push({ kind: 'malformed-history', key, detail: `${entry.size} bytes long` });
      }
      return;
    case 'upload': {
      const told = place.file === 'startedat' ? [await startedAt(reader, key)] : [];
      const size = place.file === 'data' ? entry.size : 0;
      builder.upload(place.repository, place.upload, entry.modified, size, told);
      return;
    }
    case 'directory':
      emptyDirectory(builder, entry, place);
      return;
    case 'blob':
    case 'outside':
    case 'stray':
    case 'misplaced':
    case 'temporary':
    case 'invalid-repository':
      odd(builder, entry, place);
      return;
    default:
      throw new Error(`a link is no ${place.kind}`);
  }
}

function emptyDirectory(
  builder: InventoryBuilder,
  entry: Entry,
  place: Extract<Place, { kind: 'directory' }>,
): void {
  const { repository, area, sub, tag, upload } = place;
  if (repository !== undefined && area !== undefined) builder.directory(repository, area, sub);
  if (repository !== undefined && tag !== undefined) builder.tagSeen(repository, tag);
  if (repository !== undefined && upload !== undefined) {
    // A directory's time is also that of the last removal from it: it tells of an age, and of no write.
    builder.upload(repository, upload, Number.NEGATIVE_INFINITY, 0, [entry.modified]);
    return;
  }
  if (isSpareDirectory(entry.key)) builder.emptyDirectories.push(entry.key);
  else if (area === undefined) {
    builder.oddities.push({
      kind: 'stray',
      key: entry.key,
      detail: "an empty directory that is not the registry's",
    });
  }
}

function odd(
  builder: InventoryBuilder,
  entry: Entry,
  place: Extract<
    Place,
    { kind: 'blob' | 'outside' | 'stray' | 'misplaced' | 'temporary' | 'invalid-repository' }
  >,
): void {
  if (place.kind === 'temporary') {
    if (place.repository !== undefined && place.area !== undefined) {
      builder.directory(place.repository, place.area);
    }
    builder.oddities.push({
      kind: 'temporary',
      key: entry.key,
      detail: 'left over by a write that was cut off',
    });
  } else if (place.kind === 'invalid-repository') {
    if (!builder.isNewOddity(place.name)) return;
    builder.oddities.push({
      kind: 'invalid-repository',
      key: entry.key,
      detail: `${JSON.stringify(place.name)} cannot be the name of a repository, yet it holds ${place.area}`,
    });
  } else if (place.kind === 'misplaced') {
    builder.oddities.push({
      kind: 'misplaced',
      key: entry.key,
      detail: 'the collector reads it, and fails on it',
    });
  } else {
    builder.oddities.push({ kind: 'stray', key: entry.key, detail: 'does not belong to the registry' });
  }
}
