import { readFileSync } from 'node:fs';

/** Files that an engine mounts into every container, from a directory that bears the container's id. */
const given = new Set(['/etc/hostname', '/etc/hosts', '/etc/resolv.conf']);

/**
 * The id (64 hex digits) of the container that this process runs in, or undefined outside of one. Two witnesses, none
 * of them the host name, which Compose files and `--hostname` change:
 *
 * - the cgroup, `/docker/<id>` or `…/docker-<id>.scope`, where the container sees more of it than `/`;
 * - the mount table: `<the engine's data>/containers/<id>/hostname` is mounted on `/etc/hostname`. Only such mount
 *   points count, since the host lists the mounts of all its containers. A container that shares the network of
 *   another (`network_mode: "container:…"`) has the other's files, and so, where the cgroup is silent, its id.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html – `id parent major:minor root mount-point …`
 * @see https://man7.org/linux/man-pages/man7/cgroups.7.html – `hierarchy:controllers:path`
 */
export function ownContainerId(): string | undefined {
  return containerOfCgroup(ownFile('cgroup')) ?? containerOfMounts(ownFile('mountinfo'));
}

/** What the text of a `/proc/<pid>/cgroup` tells; of containers in containers, the innermost. */
export function containerOfCgroup(table: string): string | undefined {
  return [...table.matchAll(/[/-]([0-9a-f]{64})(?:\.scope)?(?=\/|$)/gm)].at(-1)?.[1];
}

/** What the text of a `/proc/<pid>/mountinfo` tells. */
export function containerOfMounts(table: string): string | undefined {
  for (const line of table.split('\n')) {
    const [, , , root = '', point = ''] = line.split(' ');
    const id = given.has(point) ? /containers\/([0-9a-f]{64})\//.exec(root)?.[1] : undefined;
    if (id !== undefined) return id;
  }
  return undefined;
}

/** Empty where there is no such file: then it speaks for no container. */
function ownFile(name: string): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return '';
  }
}
