import { CleanupError, type ErrorCode, type ErrorText } from '../../errors.ts';
import type { NearStorage } from '../../storage/storage.ts';
import type { Answer, Task } from './task.ts';

/** What a thread is told when it begins. */
export interface Orders {
  readonly where: NearStorage;
  readonly thorough: boolean;
  readonly splitAt: number;
}

/** To a thread: a batch of tasks, which it answers once. */
export type Batch = readonly Task[];

/** From a thread. `ready` comes once, before any answer. */
export type Message =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** A `CleanupError` as it goes from thread to thread, where classes and codes of errors are lost. */
export interface Failure {
  readonly code: ErrorCode;
  readonly text: ErrorText;
  readonly cause: { readonly message: string; readonly code: string | undefined } | undefined;
}

export function failureOf({ code, exitCode, message, hint, details, cause }: CleanupError): Failure {
  return {
    code,
    text: { exitCode, message, hint, details },
    cause:
      cause instanceof Error
        ? { message: cause.message, code: (cause as NodeJS.ErrnoException).code }
        : undefined,
  };
}

export function errorOf({ code, text, cause }: Failure): CleanupError {
  const error = cause && Object.assign(new Error(cause.message), { code: cause.code });
  return new CleanupError(code, text, error);
}
