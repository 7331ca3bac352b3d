import type { Near } from './near.ts';
import { readonly } from './readonly.ts';
import type { Rights, RightsQuestion } from './rights.ts';
import type { NearStorage, State, Storage } from './storage.ts';

export interface StorageLocation {
  readonly driver: 'filesystem';
  /** The driver's root: what `docker/registry/v2` is below. */
  readonly root: string;
  /** Nothing can be removed through it. Default: false. */
  readonly readOnly?: boolean;
}

/** Opens the adapter for `location`, loading no other. Throws STORAGE_FAILED when there is no such root. */
export async function openStorage({ root, readOnly = false }: StorageLocation): Promise<Storage> {
  const { openFilesystem } = await import('./filesystem.ts');
  const storage = openFilesystem(root);
  return readOnly ? readonly(storage) : storage;
}

/** Opens a storage for synchronous looks, in whatever thread. Throws STORAGE_FAILED when there is no such root. */
export async function openNear({ root }: NearStorage): Promise<Near> {
  const { nearFilesystem } = await import('./filesystem/near.ts');
  return nearFilesystem(root);
}

/** Our own files in `directory`, which is created when the first of them is. */
export async function openState(directory: string): Promise<State> {
  const { filesystemState } = await import('./state.ts');
  return filesystemState(directory);
}

/** Bytes that are set aside in a state directory for a day on which its disk is full; 0 where there is none. */
export async function reservedIn(directory: string): Promise<number> {
  const { Reserve } = await import('./state/reserve.ts');
  return new Reserve(directory).bytes();
}

/** What we lack the rights for in a storage and in our own directory, by samples. Changes nothing. */
export async function lookAtRights(question: RightsQuestion): Promise<Rights> {
  const rights = await import('./filesystem/rights.ts');
  return rights.lookAtRights(question);
}
