import { openInventory } from './closed.ts';
import type { Inventory, Oddity, Repository, Upload } from './inventory.ts';
import type { LinkTable } from './link-table.ts';

/**
 * Whether `now`, which has the ids of `before`, tells the same of repositories, tags, revisions and uploads, in the same
 * order and with the same times, and finds the same odd. Tag history, layer links, blobs and manifests are not compared.
 */
export function hasSameReferences(before: Inventory, now: Inventory): boolean {
  return (
    now.repositories.length === before.repositories.length &&
    now.repositories.every((repository) => {
      const was = before.repository(repository.name);
      return was !== undefined && isSameRepository(before, was, now, repository);
    }) &&
    isSameList(oddReferences(before), oddReferences(now)) &&
    isSameList(emptyDirectories(before), emptyDirectories(now))
  );
}

function isSameRepository(before: Inventory, was: Repository, now: Inventory, is: Repository): boolean {
  return (
    is.tags.length === was.tags.length &&
    is.revisionCount === was.revisionCount &&
    is.uploads.length === was.uploads.length &&
    is.directories.size === was.directories.size &&
    [...is.directories].every((area) => was.directories.has(area)) &&
    is.tags.every(({ name, target, modified, changed }, place) => {
      const tag = was.tags[place];
      return (
        tag?.name === name && tag.target === target && tag.modified === modified && tag.changed === changed
      );
    }) &&
    isSameList(was.uploads.map(textOf), is.uploads.map(textOf)) &&
    hasSameRevisions(openInventory(before).revisions, was, openInventory(now).revisions, is)
  );
}

function hasSameRevisions(before: LinkTable, was: Repository, now: LinkTable, is: Repository): boolean {
  const rows = before.rows(was.index);
  return now.rows(is.index).every((row, place) => {
    const known = rows[place] ?? -1;
    return now.target(row) === before.target(known) && now.modified(row) === before.modified(known);
  });
}

function textOf({ id, touched, changed, bytes }: Upload): string {
  return `${id} ${touched} ${changed} ${bytes}`;
}

/** Those that a look at references meets. */
function oddReferences({ oddities }: Inventory): string[] {
  return oddities
    .filter(({ key }) => isReference(key))
    .map(({ kind, key, detail }: Oddity) => `${kind} ${key} ${detail}`);
}

function emptyDirectories(inventory: Inventory): string[] {
  return inventory.emptyDirectories.filter(isReference);
}

function isReference(key: string): boolean {
  return key.includes('/repositories/') && !key.includes('/_layers/');
}

/** In whatever order. */
function isSameList(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  const rest = [...other].sort();
  return [...one].sort().every((text, place) => text === rest[place]);
}
