/** Every way in which the program can end (README, "Exit codes"). An unknown code is a failure. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 20 | 21 | 130 | 143;

export interface ErrorText {
  readonly exitCode: ExitCode;
  /** What happened, in one sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** One line per thing that was found: paths, digests, problems. */
  readonly details?: readonly string[];
}

/** An error that is meant for the reader of the terminal. Everything else that is thrown is a bug. */
export class CleanupError extends Error {
  override readonly name = 'CleanupError';
  readonly code: ErrorCode;
  readonly exitCode: ExitCode;
  readonly hint: string;
  readonly details: readonly string[];

  constructor(code: ErrorCode, text: ErrorText, cause?: unknown) {
    super(text.message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exitCode = text.exitCode;
    this.hint = text.hint;
    this.details = text.details ?? [];
  }
}

/** Code → text. Functions of what was found, so that no text is spelled where it is thrown. */
const catalogue = {
  USAGE: (c: { message: string; hint?: string }): ErrorText => ({
    exitCode: 2,
    message: c.message,
    hint: c.hint ?? 'Run "registry-cleanup --help" for the commands and flags.',
  }),
  CONFIG_INVALID: (c: { source: string; problems: readonly string[] }): ErrorText => ({
    exitCode: 2,
    message: `The configuration is not valid (${c.source}).`,
    hint: 'Mend every line above. "registry-cleanup config init" writes a commented example.',
    details: c.problems,
  }),
  STORAGE_FAILED: (c: { deed: string; path: string; reason: string }): ErrorText => ({
    exitCode: 1,
    message: `Could not ${c.deed} ${c.path}: ${c.reason}.`,
    hint: 'Check the disk, its mount and the rights of the user that runs the cleaner.',
  }),
  STATE_NO_ROOM: (c: { deed: string; path: string; reason: string; directory: string }): ErrorText => ({
    exitCode: 1,
    message: `Could not ${c.deed} ${c.path}: ${c.reason}, and nothing is set aside on that disk.`,
    hint:
      `Free some 64 KiB on the disk of ${c.directory}, or keep the cleaner's own files on another disk: set ` +
      'state.directory (CLEANUP_STATE_DIRECTORY) to a directory there, for this and every later run. Cleaning itself ' +
      'takes no space.',
  }),
  STORAGE_READ_ONLY: (c: { deed: string; path: string }): ErrorText => ({
    exitCode: 1,
    message: `A dry run tried to ${c.deed} ${c.path}.`,
    hint: 'This is a bug in registry-cleanup: please report it. Nothing was changed.',
  }),
  FILE_TOO_LARGE: (c: { path: string; limit: number }): ErrorText => ({
    exitCode: 1,
    message: `${c.path} is longer than ${c.limit} bytes.`,
    hint: 'A registry writes nothing of that size there: see what the file holds.',
  }),
  THREAD_ENDED: (c: { deed: string; reason: string }): ErrorText => ({
    exitCode: 1,
    message: `A thread that was to ${c.deed} ended early: ${c.reason}.`,
    hint: 'It may have run out of memory. Run again: a run goes on from where another one ended.',
  }),
  COMMAND_FAILED: (c: { command: string; reason: string; output?: readonly string[] }): ErrorText => ({
    exitCode: 1,
    message: `${c.command} failed: ${c.reason}.`,
    hint: 'Run the command by hand to see why.',
    details: c.output ?? [],
  }),
  REGISTRY_UNREACHABLE: (c: { url: string; reason: string }): ErrorText => ({
    exitCode: 1,
    message: `The registry at ${c.url} could not be reached: ${c.reason}.`,
    hint: 'Check registry.url, registry.tls and that the registry runs.',
  }),
  REGISTRY_ANSWERED: (c: { method: string; url: string; status: number; body: string }): ErrorText => ({
    exitCode: 1,
    message: `${c.method} ${c.url} was answered with ${c.status}${c.body === '' ? '' : `: ${c.body}`}.`,
    hint: 'Check registry.auth and the log of the registry.',
  }),
  REGISTRY_GARBLED: (c: { url: string; reason: string }): ErrorText => ({
    exitCode: 1,
    message: `The answer of ${c.url} is of no use: ${c.reason}.`,
    hint: 'Check that registry.url is the address of a registry, and what stands between it and the cleaner.',
  }),
  ENGINE_UNREACHABLE: (c: { engine: string; reason: string; hint: string }): ErrorText => ({
    exitCode: 1,
    message: `The Docker Engine at ${c.engine} could not be reached: ${c.reason}.`,
    hint: c.hint,
  }),
  ENGINE_ANSWERED: (c: {
    method: string;
    path: string;
    status: number;
    reason: string;
    hint?: string;
  }): ErrorText => ({
    exitCode: 1,
    message: `${c.method} ${c.path} was answered by the Docker Engine with ${c.status}${c.reason === '' ? '' : `: ${c.reason}`}.`,
    hint: c.hint ?? 'See what the engine says above; its own log may tell more (journalctl -u docker).',
  }),
  REDIS_FAILED: (c: { address: string; reason: string }): ErrorText => ({
    exitCode: 1,
    message: `The registry's cache in Redis (${c.address}) cannot be flushed: ${c.reason}.`,
    hint:
      "Check that Redis runs, and the redis section of the registry's configuration. Its user needs PING, SCAN and " +
      'UNLINK or DEL.',
  }),
  REFUSED: (c: { reasons: readonly string[] }): ErrorText => ({
    exitCode: 6,
    message: 'Refused: this registry cannot be cleaned safely as it is. Nothing was changed.',
    hint: 'Each line above says what to do about it.',
    details: c.reasons,
  }),
  LOCK_HELD: (c: { owner: string; path: string }): ErrorText => ({
    exitCode: 4,
    message: `Another run holds the lock: ${c.owner}.`,
    hint: `Wait until it has ended, with --wait-lock 1h for example. The lock is ${c.path}.`,
  }),
  LOCK_LOST: (c: { path: string }): ErrorText => ({
    exitCode: 5,
    message: 'This run no longer holds the lock, so it deletes nothing more.',
    hint: `Another run took ${c.path} over, as after a pause of this one. See what it reports.`,
  }),
  HEARTBEAT_LATE: (c: { path: string; seconds: number; reason: string }): ErrorText => ({
    exitCode: 1,
    message: `The heartbeat in ${c.path} could not be written for ${c.seconds.toFixed(1)} s: ${c.reason}.`,
    hint: 'Other runs may take this one for dead, so it deletes nothing more. Check the disk; state.directory moves lock and journal to another one.',
  }),
  FENCE_FAILED: (c: { reason: string; hint?: string; details?: readonly string[] }): ErrorText => ({
    exitCode: 5,
    message: `The registry could not be closed to pushes: ${c.reason}.`,
    hint: c.hint ?? 'Nothing was deleted after that. Find what still writes, and run again.',
    details: c.details ?? [],
  }),
  COLLECTOR_FAILED: (c: { reason: string; output: readonly string[] }): ErrorText => ({
    exitCode: 1,
    message: `registry garbage-collect failed: ${c.reason}.`,
    hint: 'No tag is lost: references are removed before data. The next run goes on from here.',
    details: c.output,
  }),
  REHEARSAL_DISAGREES: (c: { reasons: readonly string[] }): ErrorText => ({
    exitCode: 6,
    message: "The collector's rehearsal would sweep what must stay. No blob was removed.",
    hint: 'Please report this with the lines above: the collector sees the storage differently than we do.',
    details: c.reasons,
  }),
  VERIFY_FAILED: (c: { lost: readonly string[] }): ErrorText => ({
    exitCode: 21,
    message: 'Verification found something lost.',
    hint: 'Restore what is named above from a backup, or push it again, and report this.',
    details: c.lost,
  }),
  NOT_RESTORED: (c: { reasons: readonly string[]; command: string }): ErrorText => ({
    exitCode: 20,
    message: 'THE REGISTRY COULD NOT BE RESTORED.',
    hint: `Start it by hand, now:\n\n    ${c.command}\n`,
    details: c.reasons,
  }),
  JOURNAL_DAMAGED: (c: { path: string; lost: readonly string[]; command: string }): ErrorText => ({
    exitCode: 20,
    message: 'IT CANNOT BE TOLD WHETHER THE REGISTRY IS RESTORED: the journal of an earlier run is damaged.',
    hint:
      'Whatever can be read of it is undone. See that no collector runs, that no stand-in is left, and that the ' +
      `registry runs and takes pushes; then remove the journal:\n\n    ${c.command}\n`,
    details: c.lost.map((lost) => `${c.path}: ${lost}`),
  }),
  JOURNAL_FOREIGN: (c: { path: string; found: readonly string[] }): ErrorText => ({
    exitCode: 20,
    message: 'THE REGISTRY IS NOT RESTORED: another version of registry-cleanup left its journal.',
    hint: 'Nothing was undone. Use the version that left it, now:\n\n    registry-cleanup recover\n',
    details: c.found.map((found) => `${c.path}: ${found}`),
  }),
  NOT_FLUSHED: (c: { address: string; reason: string; command: string }): ErrorText => ({
    exitCode: 20,
    message: "THE REGISTRY'S CACHE IN REDIS COULD NOT BE FLUSHED.",
    hint:
      'Until it is, the registry takes blobs that are gone for present, and loses pushes of them. The next run tries ' +
      `again first; flush it by hand, now:\n\n    ${c.command}\n`,
    details: [`Redis at ${c.address}: ${c.reason}`],
  }),
  LITTER_LEFT: (c: { path: string; reason: string }): ErrorText => ({
    exitCode: 3,
    message: `${c.path} could not be removed: ${c.reason}.`,
    hint: 'Nothing works with it any more: remove it by hand.',
  }),
  NOT_FRESH: (c: { found: readonly string[]; command: string }): ErrorText => ({
    exitCode: 20,
    message: 'A REGISTRY RUNS THAT MAY REMEMBER WHAT IS GONE.',
    hint:
      'It was started while references were being removed, and registry.live does not stop it. Until it is started ' +
      `again, pushes may lack layers that it takes for present. Restart it, now:\n\n    ${c.command}\n`,
    details: c.found,
  }),
  OUT_OF_TIME: (c: { limit: string }): ErrorText => ({
    exitCode: 7,
    message: `Out of time (${c.limit}): nothing more is begun, and the registry is as it was found.`,
    hint: 'The next run goes on from here. Give it more time if it never comes to its end.',
  }),
  RUN_UNKNOWN: (c: {
    wanted: string;
    several: boolean;
    known: readonly string[];
    directory: string;
  }): ErrorText => ({
    exitCode: 2,
    message: c.several
      ? `There are ${c.known.length} runs whose ids begin with "${c.wanted}".`
      : `There is no run "${c.wanted}" on record in ${c.directory}.`,
    hint:
      c.known.length === 0
        ? 'No run is on record there. Dry runs leave none, nor do runs that ended before they had the lock.'
        : `${c.several ? 'Say more of the one that is meant' : 'These are, newest first'}:\n${c.known.map((id) => `    ${id}`).join('\n')}`,
  }),
  INTERRUPTED: (c: { signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' }): ErrorText => ({
    exitCode: c.signal === 'SIGINT' ? 130 : 143,
    message: `Interrupted by ${c.signal}; everything was undone.`,
    hint: 'Run again: it goes on from here.',
  }),
} as const;

export type ErrorCode = keyof typeof catalogue;

/** The text of `code`, as an error to throw. The one way in which errors for people are made. */
export function problem<C extends ErrorCode>(
  code: C,
  context: Parameters<(typeof catalogue)[C]>[0],
  cause?: unknown,
): CleanupError {
  const text = catalogue[code] as (c: typeof context) => ErrorText;
  return new CleanupError(code, text(context), cause);
}

/** Throws the catalogue's error `code`. */
export function fail<C extends ErrorCode>(
  code: C,
  context: Parameters<(typeof catalogue)[C]>[0],
  cause?: unknown,
): never {
  throw problem(code, context, cause);
}

/** Whether all that is wrong is that something was left lying about: what was to be undone is undone. */
export function isLitter(error: unknown): error is CleanupError {
  return error instanceof CleanupError && error.code === 'LITTER_LEFT';
}

/** A short reason out of whatever was thrown: an errno where there is one, the message otherwise. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error) {
    const code = (thrown as NodeJS.ErrnoException).code;
    return code !== undefined && !thrown.message.includes(code)
      ? `${code}: ${thrown.message}`
      : thrown.message;
  }
  return String(thrown);
}
