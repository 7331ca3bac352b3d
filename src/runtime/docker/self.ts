import { readFileSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Container, Engine } from '../../engine/engine.ts';
import { ownContainerId } from '../../own-container.ts';
import { isWithin } from './mounts.ts';

/** Mounted into containers by the engine; no inspection lists them. */
const engines = /^(\/|\/(proc|sys|dev)(\/.*)?|\/etc\/(hostname|hosts|resolv\.conf)|\/sbin\/docker-init)$/;

/** Where something is mounted, as a process sees it. */
export interface Seen {
  /** Directories and files from outside. */
  readonly binds: readonly string[];
  /** Whole file systems in memory: the container's own, or from outside as well; the mount table does not tell. */
  readonly memory: readonly string[];
}

/** The container that we run in; undefined on the host, or in a container that `engine` does not know. */
export async function ownContainer(engine: Engine): Promise<Container | undefined> {
  const id = ownContainerId();
  if (id === undefined) return containerOfHostname(engine);
  const container = await engine.inspect(id);
  if (container === undefined) return undefined;
  const seen = mountsIn(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (fits(container, seen)) return container;
  return (await neighbourThatFits(engine, container, seen)) ?? container;
}

/** The host's own name may be a container's name as well, so only an id counts. */
async function containerOfHostname(engine: Engine): Promise<Container | undefined> {
  const name = hostname();
  if (!/^[0-9a-f]{12}$/.test(name)) return undefined;
  const container = await engine.inspect(name);
  return container?.id.startsWith(name) ? container : undefined;
}

/** Who shares the network of another container has that one's files in /etc, which bear its id. */
async function neighbourThatFits(
  engine: Engine,
  owner: Container,
  seen: Seen,
): Promise<Container | undefined> {
  const running = (await engine.list()).filter(({ state, id }) => state === 'running' && id !== owner.id);
  const all = await Promise.all(running.map(({ id }) => engine.inspect(id)));
  const fitting = all.filter((one) => one?.networkMode === `container:${owner.id}` && fits(one, seen));
  return fitting.length === 1 ? fitting[0] : undefined;
}

/**
 * Whether what we see mounted is what the container mounts. `real`: where a path really is, since the mount table knows no
 * links (`/var/run`).
 */
export function fits(
  container: Pick<Container, 'mounts'>,
  { binds, memory }: Seen,
  real: (path: string) => string = realPath,
): boolean {
  const destinations = container.mounts
    .filter(({ type }) => type !== 'tmpfs')
    .map(({ destination }) => real(destination));
  return (
    destinations.every((destination) => binds.includes(destination) || memory.includes(destination)) &&
    binds.every((point) => destinations.some((destination) => isWithin(point, destination)))
  );
}

/**
 * What is mounted, by the text of a `/proc/<pid>/mountinfo`; what the engine mounts by itself left out. A part of a file
 * system in memory is from outside, as the engine's socket in `/run` is on most machines.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html – `id parent major:minor root mount-point …`
 */
export function mountsIn(table: string): Seen {
  const binds: string[] = [];
  const memory: string[] = [];
  for (const line of table.split('\n')) {
    const [, root, escaped = '', type] = /^\d+ \d+ \S+ (\S+) (\S+) .*? - (\S+) /.exec(line) ?? [];
    const point = unescaped(escaped);
    if (root === undefined || engines.test(point)) continue;
    (type === 'tmpfs' && root === '/' ? memory : binds).push(point);
  }
  return { binds, memory };
}

function unescaped(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** What is not there is mounted elsewhere, in another container: then its name will do to tell. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
