import { CleanupError, type ExitCode } from '../errors.ts';
import { renderError } from '../report/error.ts';
import type { Surroundings } from './main.ts';
import { pageFor } from './page-for.ts';

/** Shows an error that no document carries, and says with which code to leave. What is no CleanupError is a bug: 1. */
export function tellError(error: unknown, { stderr, env }: Surroundings): ExitCode {
  stderr.write(renderError(error, pageFor(stderr, env)));
  return error instanceof CleanupError ? error.exitCode : 1;
}
