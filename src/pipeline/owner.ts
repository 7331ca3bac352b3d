import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { ownContainerId } from '../own-container.ts';

/** Who holds the lock. Clocks of two hosts are never compared: `beat` counts, `at` is for people. */
export interface Owner {
  readonly run: string;
  readonly pid: number;
  /** Start time of the process in clock ticks since boot: a pid alone is used again. */
  readonly startedAt: string;
  readonly boot: string;
  readonly pidNamespace: string;
  readonly host: string;
  /** Id of the container that it runs in; undefined outside of one. Whoever can ask the engine learns by it. */
  readonly container: string | undefined;
  readonly beat: number;
  readonly at: string;
}

/** Ourselves. */
export function selfAsOwner(run: string): Owner {
  return {
    run,
    pid: process.pid,
    startedAt: startTime(process.pid) ?? '',
    boot: bootId(),
    pidNamespace: pidNamespace(),
    host: hostname(),
    container: ownContainerId(),
    beat: 0,
    at: new Date().toISOString(),
  };
}

/** Whether the owner lives, as far as this process can see: on another host, boot or pid namespace it cannot. */
export function lifeOf(owner: Owner): 'alive' | 'dead' | 'unknown' {
  if (owner.boot !== bootId() || owner.pidNamespace !== pidNamespace()) return 'unknown';
  const started = startTime(owner.pid);
  if (started === undefined && isHidden(owner.pid)) return 'unknown';
  return started === owner.startedAt ? 'alive' : 'dead';
}

/** What a lock of this owner holds. With a sum: a number that a bad disk changed would make a living owner a dead one. */
export function ownerText(owner: Owner): string {
  return JSON.stringify({ ...owner, sum: sumOf(owner) });
}

/** The owner that a lock names; undefined when it cannot be read, or says anything that this version does not. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { sum, ...said } = value as Partial<Owner> & { readonly sum?: unknown };
    if (!Object.keys(said).every((key) => Object.hasOwn(fields, key))) return undefined;
    const { pid, run, startedAt, boot, pidNamespace: namespace, host, container, at } = said;
    const texts = [run, startedAt, boot, namespace, host, at];
    if (container !== undefined) texts.push(container);
    if (!texts.every((text) => typeof text === 'string')) return undefined;
    if (!Number.isSafeInteger(pid) || Number(pid) <= 0) return undefined;
    const owner = { ...(said as Owner), container };
    return sum === undefined || sum === sumOf(owner) ? owner : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const fields: Readonly<Record<keyof Owner, true>> = {
  run: true,
  pid: true,
  startedAt: true,
  boot: true,
  pidNamespace: true,
  host: true,
  container: true,
  beat: true,
  at: true,
};

/** Of what tells whether the owner lives. */
function sumOf({ run, pid, startedAt, boot, pidNamespace, host, container }: Owner): string {
  const text = JSON.stringify([run, pid, startedAt, boot, pidNamespace, host, container]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** For people. */
export function describeOwner(owner: Owner | undefined): string {
  if (owner === undefined) return 'an owner that cannot be read';
  const { run, pid, host, container, at } = owner;
  const within = container === undefined ? '' : ` in container ${container.slice(0, 12)}`;
  return `run ${run} (pid ${pid}${within} on ${host}, seen at ${at})`;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid');
}

/**
 * Whether a process of this number runs that /proc does not show: mounted with `hidepid`, it hides other users'
 * (proc(5)), and kill(2) tells that they are there. A zombie is shown.
 */
function isHidden(pid: number): boolean {
  if (existsSync(`/proc/${pid}/stat`)) return isForbidden(() => readFileSync(`/proc/${pid}/stat`));
  return isForbidden(() => process.kill(pid, 0));
}

function isForbidden(look: () => unknown): boolean {
  try {
    look();
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EPERM' || code === 'EACCES';
  }
}

/** Field 22 of /proc/<pid>/stat (proc(5)); undefined when there is none to be seen, or it is a zombie's. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name is in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EPERM' || code === 'EACCES') return undefined;
    throw error;
  }
}
