import { readFileSync, type Stats } from 'node:fs';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { pause } from '../../pause.ts';

/**
 * A process that cannot be mistaken for a later one of the same number: pid and start time in clock ticks since boot
 * (field 22 of `/proc/<pid>/stat`, proc(5)).
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

export interface ProcessStatus extends ProcessIdentity {
  /** One letter, as proc(5) has it. */
  readonly state: string;
  readonly session: number;
}

export function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startTicks === b.startTicks;
}

/** Every process that this one can see. */
export async function pids(): Promise<readonly number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

/** What `/proc/<pid>/stat` says, or undefined if there is no such process. */
export async function statusOf(pid: number): Promise<ProcessStatus | undefined> {
  const text = await orGone(readFile(`/proc/${pid}/stat`, 'utf8'));
  if (text === undefined) return undefined;
  // The name is in parentheses and may itself hold spaces and parentheses; fields count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    state: fields[0] ?? '?',
    session: Number(fields[3]),
    startTicks: Number(fields[19]),
  };
}

/**
 * Whether this very process still runs. A zombie has ended, unless threads of it live on (one may still be in the
 * kernel, writing).
 */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const status = await statusOf(identity.pid);
  if (status === undefined || status.startTicks !== identity.startTicks) return false;
  if (!'ZXx'.includes(status.state)) return true;
  const threads = await orGone(readdir(`/proc/${identity.pid}/task`));
  return threads !== undefined && threads.length > 1;
}

export async function stillAlive<T extends ProcessIdentity>(identities: readonly T[]): Promise<readonly T[]> {
  const alive = await Promise.all(identities.map(isAlive));
  return identities.filter((_, index) => alive[index]);
}

/** Waits until none of them runs, at most `timeoutMs`. Returns those that still do. */
export async function waitUntilGone<T extends ProcessIdentity>(
  identities: readonly T[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<readonly T[]> {
  const deadline = performance.now() + timeoutMs;
  let alive = await stillAlive(identities);
  // Most end within milliseconds; of one that does not, nobody need know by the millisecond.
  for (let next = 2; alive.length > 0 && performance.now() < deadline; next = Math.min(2 * next, 25)) {
    await pause(next, signal);
    alive = await stillAlive(alive);
  }
  return alive;
}

/**
 * The arguments, or undefined for a kernel thread, a zombie and a process that is gone. Read at once: all processes of a
 * machine are asked again and again, and by way of libuv's threads each takes ten times as long.
 */
export function argumentsOf(pid: number): readonly string[] | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (thrown) {
    if (isGone(thrown)) return undefined;
    throw thrown;
  }
  return text === '' ? undefined : text.replace(/\0$/, '').split('\0');
}

/** The environment that it was started with. Undefined if it is gone; rejects (EACCES) where we may not look. */
export async function environmentOf(pid: number): Promise<Record<string, string> | undefined> {
  const text = await orGone(readFile(`/proc/${pid}/environ`, 'utf8'));
  if (text === undefined) return undefined;
  const environment: Record<string, string> = Object.create(null);
  for (const entry of text.split('\0')) {
    const equals = entry.indexOf('=');
    if (equals > 0) environment[entry.slice(0, equals)] ??= entry.slice(equals + 1);
  }
  return environment;
}

/** Where `path` is found that the process `pid` names: below its root, and relative to its working directory. */
export function asSeenBy(pid: number, path: string): string {
  return path.startsWith('/') ? `/proc/${pid}/root${path}` : `/proc/${pid}/cwd/${path}`;
}

export async function workingDirectoryOf(pid: number): Promise<string | undefined> {
  return await orGone(readlink(`/proc/${pid}/cwd`));
}

/** The program's file. Undefined if the process is gone, or where we may not look. */
export async function executableOf(
  pid: number,
): Promise<{ readonly path: string; readonly stats: Stats } | undefined> {
  try {
    const link = `/proc/${pid}/exe`;
    return { path: await readlink(link), stats: await stat(link) };
  } catch (thrown) {
    if (isGone(thrown) || isForbidden(thrown)) return undefined;
    throw thrown;
  }
}

/** Whether the process sees the same root directory as we do. A container's does not. */
export async function sharesOurRoot(pid: number): Promise<boolean> {
  const [ours, theirs] = await Promise.all([stat('/'), orGone(stat(`/proc/${pid}/root/`))]);
  return theirs !== undefined && sameFile(ours, theirs);
}

export function sameFile(a: Pick<Stats, 'dev' | 'ino'>, b: Pick<Stats, 'dev' | 'ino'>): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** ENOENT and ESRCH below `/proc/<pid>` mean that the process is gone. */
export async function orGone<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (thrown) {
    if (isGone(thrown)) return undefined;
    throw thrown;
  }
}

function isGone(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

/** Whether we may not look: another user's process, or one that hides itself. */
export function isForbidden(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException).code;
  return code === 'EACCES' || code === 'EPERM';
}
