import { readFileSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Container, Engine } from '../../engine/engine.ts';
import { ownContainerId } from '../../own-container.ts';
import { isWithin } from './mounts.ts';

/** Mounted into containers by the engine; no inspection lists them. */
const engines = /^(\/|\/(proc|sys|dev)(\/.*)?|\/etc\/(hostname|hosts|resolv\.conf)|\/sbin\/docker-init)$/;

/** The container that we run in; undefined on the host, or in a container that `engine` does not know. */
export async function ownContainer(engine: Engine): Promise<Container | undefined> {
  const id = ownContainerId();
  if (id === undefined) return containerOfHostname(engine);
  const container = await engine.inspect(id);
  if (container === undefined) return undefined;
  const points = bindsIn(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (fits(container, points)) return container;
  return (await neighbourThatFits(engine, container, points)) ?? container;
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
  points: readonly string[],
): Promise<Container | undefined> {
  const running = (await engine.list()).filter(({ state, id }) => state === 'running' && id !== owner.id);
  const all = await Promise.all(running.map(({ id }) => engine.inspect(id)));
  const fitting = all.filter((one) => one?.networkMode === `container:${owner.id}` && fits(one, points));
  return fitting.length === 1 ? fitting[0] : undefined;
}

/**
 * Whether what we see mounted (`points`) is what the container mounts. `real`: where a path really is, since the mount
 * table knows no links (`/var/run`).
 */
export function fits(
  container: Pick<Container, 'mounts'>,
  points: readonly string[],
  real: (path: string) => string = realPath,
): boolean {
  const destinations = container.mounts
    .filter(({ type }) => type !== 'tmpfs')
    .map(({ destination }) => real(destination));
  return (
    destinations.every((destination) => points.includes(destination)) &&
    points.every((point) => destinations.some((destination) => isWithin(point, destination)))
  );
}

/**
 * Where directories and files are mounted, by the text of a `/proc/<pid>/mountinfo`; what the engine mounts by itself
 * and what is in memory left out.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
 */
export function bindsIn(table: string): readonly string[] {
  return table
    .split('\n')
    .map((line) => /^\d+ \d+ \S+ \S+ (\S+) .*? - (\S+) /.exec(line))
    .filter((match) => match !== null && match[2] !== 'tmpfs')
    .map((match) => unescaped(match?.[1] ?? ''))
    .filter((point) => !engines.test(point));
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
