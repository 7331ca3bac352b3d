import { type Dirent, readdirSync } from 'node:fs';
import { isAbsence } from '../failure.ts';

const withTypes = { withFileTypes: true } as const;

/**
 * Names in a directory, with types. Where a file system keeps no types (XFS without ftype), Node looks every name up, and
 * a single one that vanishes meanwhile fails the whole directory with the ENOENT of a missing one. Undefined then: names
 * alone tell.
 */
export function typedNames(path: string): readonly Dirent[] | undefined {
  try {
    return readdirSync(path, withTypes);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** Whether bytes that are no UTF-8 may be in one of the names: decoding put this character in their place, or it is in a name. */
export function isAnyOdd(names: readonly { readonly name: string }[]): boolean {
  return names.some(({ name }) => name.includes('\ufffd'));
}
