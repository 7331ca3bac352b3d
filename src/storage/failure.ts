import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { CleanupError, problem, reasonOf } from '../errors.ts';

/** `ENOENT` and the like; undefined for what no system call threw. */
export function errnoOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
}

/** Whether it says that there is nothing of that name: a missing parent, or one that is a file, says so too. */
export function isAbsence(thrown: unknown): boolean {
  const errno = errnoOf(thrown);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

/** `permission denied (EACCES)`: Node's own text names the path a second time. */
export function reasonOfErrno(thrown: unknown): string {
  if (thrown instanceof CleanupError) return thrown.message;
  const { errno } = thrown as NodeJS.ErrnoException;
  const [name, text] = (typeof errno === 'number' ? getSystemErrorMap().get(errno) : undefined) ?? [];
  return name === undefined ? reasonOf(thrown) : `${text} (${name})`;
}

/** What a system call threw, as the error for people that names the path. */
export function storageFailure(deed: string, path: string, thrown: unknown): CleanupError {
  return problem('STORAGE_FAILED', { deed, path, reason: reasonOfErrno(thrown) }, thrown);
}

/** The error that a system call fails with, for adapters that have no system to call. */
export function errnoError(code: keyof typeof constants.errno): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code, errno: -constants.errno[code] });
}
