import { fail } from '../errors.ts';
import type { DigestId, Inventory, Repository } from '../inventory/inventory.ts';
import { Places } from '../inventory/places.ts';
import { keyOf } from '../registry/layout.ts';
import { tagsOf } from './lost.ts';
import { idsIn } from './same-ids.ts';

/** Something that was written although every writer was gone. */
export interface Late {
  readonly key: string;
  /** What happened to it, for people: `was written at …, …`. */
  readonly what: string;
}

/** What two looks are compared by. */
export interface Line {
  /**
   * The storage's clock when every writer was gone, ms since the epoch. Undefined: nobody can tell it. It is compared with
   * times of the same storage alone: of what was written before, none is later. What was written within the same tick of
   * that clock (4 ms mostly) is not seen.
   */
  readonly since: number | undefined;
  /** The same when writers could come again. Left out: they have not come yet. */
  readonly until?: number;
  /** Whether the first look was taken behind the fence: then whatever differs from it was written behind the fence. */
  readonly behind: boolean;
}

/**
 * Tag links, revision links and uploads of `now` that `before` does not have, or not so, and that were written behind the
 * fence. What has an odd time, and had it before, is old. A time alone that differs must be later than the line: some
 * stores tell it late (NFS). What is gone is no write, and is not looked for.
 */
export function findLate(before: Inventory, now: Inventory, line: Line): Late[] {
  const late: Late[] = [];
  for (const repository of now.repositories) {
    const was = before.repository(repository.name);
    for (const change of references(before, was, now, repository)) {
      const what = judge(change, line);
      if (what !== undefined) late.push({ key: change.key(), what });
    }
  }
  return line.behind ? [...late, ...newOddities(before, now)] : late;
}

/** Throws FENCE_FAILED, with what was written late, as a person finds it. */
export function failLate(late: readonly Late[], locate: (key: string) => string, hint = usualHint): never {
  const [reason = '', ...details] = tellLate(late, locate);
  return fail('FENCE_FAILED', { reason, hint, details });
}

/** A line for each, as a person finds it; the first ones of many. */
export function tellLate(late: readonly Late[], locate: (key: string) => string): string[] {
  const lines = late.slice(0, shown).map(({ key, what }) => `${locate(key)} ${what}`);
  return late.length > shown ? [...lines, `… and ${late.length - shown} more`] : lines;
}

const shown = 20;

const usualHint =
  'Nothing was deleted after that. Something writes there beside the registry that was stopped, another registry say: ' +
  'find it, and run again.';

/**
 * Layer links and blobs of `now`, which was read whole, that are not as `before` knows them, and whose time is later than
 * the line. It alone can tell: `before` has them as they were while the registry was live.
 */
export function findLateContent(before: Inventory, now: Inventory, line: Line): Late[] {
  const { since } = line;
  if (since === undefined) return [];
  const late: Late[] = [];
  const idBefore = idsIn(now, before);
  const idNow = idsIn(before, now);
  for (const repository of now.repositories) {
    const times = new Map<DigestId, number>();
    now.eachLayerLink(repository, (path, _target, modified) => {
      if (isLater(modified, line)) times.set(path, modified);
    });
    if (times.size === 0) continue;
    const was = before.repository(repository.name);
    if (was !== undefined) {
      before.eachLayerLink(was, (path, _target, modified) => {
        const id = idNow(path);
        if (times.get(id) === modified) times.delete(id);
      });
    }
    for (const [id, modified] of times)
      late.push({ key: keyOf.layerLink(repository.name, now.digest(id)), what: writtenAt(modified, since) });
  }
  now.eachBlob((id, _size, modified) => {
    if (!isLater(modified, line)) return;
    const known = idBefore(id);
    if (known !== -1 && before.hasBlob(known) && before.blobModified(known) === modified) return;
    late.push({ key: keyOf.blob(now.digest(id)), what: writtenAt(modified, since) });
  });
  return late;
}

/** Whether it is the time of something written behind the fence. */
function isLater(
  modified: number | undefined,
  { since, until = Number.POSITIVE_INFINITY }: Pick<Line, 'since' | 'until'>,
): modified is number {
  return since !== undefined && modified !== undefined && modified > since && modified <= until;
}

interface Change {
  readonly key: () => string;
  /** `same`: of what it holds; its time may differ. */
  readonly was: 'absent' | 'another' | 'same';
  readonly before: number | undefined;
  readonly modified: number | undefined;
}

function judge({ was, before, modified }: Change, line: Line): string | undefined {
  const { since, behind } = line;
  const later = isLater(modified, line);
  if (was === 'same') return later && before !== modified ? writtenAt(modified, since) : undefined;
  if (later) return writtenAt(modified, since);
  if (!behind) return undefined;
  const time = modified === undefined ? 'without a time' : `with the time ${stamp(modified)}`;
  return was === 'absent' ? `has come since the registry was closed, ${time}` : `was changed since, ${time}`;
}

function* references(
  before: Inventory,
  was: Repository | undefined,
  now: Inventory,
  repository: Repository,
): Generator<Change> {
  const { name } = repository;
  const idBefore = idsIn(now, before);
  const tags = tagsOf(was);
  for (const { name: tag, target, modified } of repository.tags) {
    const known = tags(tag);
    const same = known?.target === idBefore(target);
    if (same && known?.modified === modified) continue;
    yield {
      key: () => keyOf.tag(name, tag),
      was: known === undefined ? 'absent' : same ? 'same' : 'another',
      before: known?.modified,
      modified,
    };
  }
  yield* revisions(before, was, now, repository);
  const uploads = new Map(was?.uploads.map((upload) => [upload.id, upload]));
  for (const { id, bytes, changed } of repository.uploads) {
    const known = uploads.get(id);
    yield {
      key: () => keyOf.upload(name, id),
      // Writers only add to an upload; one that has become smaller is being removed, by ourselves.
      was: known === undefined ? 'absent' : bytes <= known.bytes ? 'same' : 'another',
      before: known?.changed,
      modified: changed,
    };
  }
}

function* revisions(
  before: Inventory,
  was: Repository | undefined,
  now: Inventory,
  repository: Repository,
): Generator<Change> {
  const idBefore = idsIn(now, before);
  const ids: DigestId[] = [];
  const times: (number | undefined)[] = [];
  if (was !== undefined) {
    before.eachRevision(was, (id, modified) => {
      ids.push(id);
      times.push(modified);
    });
  }
  const places = new Places(ids.length, (place) => ids[place] ?? -1);
  const found: Change[] = [];
  now.eachRevision(repository, (id, modified) => {
    const place = places.of(idBefore(id));
    if (place !== -1 && times[place] === modified) return;
    found.push({
      key: () => keyOf.revision(repository.name, now.digest(id)),
      was: place === -1 ? 'absent' : 'same',
      before: times[place],
      modified,
    });
  });
  yield* found;
}

/** What came without being a tag, a revision or an upload: a link that is just being written, say. */
function newOddities(before: Inventory, now: Inventory): Late[] {
  const known = new Set(before.oddities.map(({ key }) => key));
  return now.oddities
    .filter(({ kind }) => !(ownDoing as readonly string[]).includes(kind))
    .filter(({ key }) => /\/_(?:manifests|uploads)\//.test(key) && !known.has(key))
    .map(({ key, detail }) => ({ key, what: `has come since the registry was closed (${detail})` }));
}

/** What removals of our own may leave for a moment. */
const ownDoing = ['tag-without-current', 'malformed-history'] as const;

function writtenAt(modified: number, since: number | undefined): string {
  const gone = since === undefined ? '' : `, and every writer was gone at ${stamp(since)}`;
  return `was written at ${stamp(modified)}${gone}`;
}

/** File systems know times that no `Date` does. */
function stamp(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString();
}
