import { posix } from 'node:path';
import { z } from 'zod';
import type { Container, ContainerSummary, Mount, Volume } from '../../engine/engine.ts';

/** `VolumeOptions.Subpath` (Engine 26): the engine's list of mounts names the volume, and not the directory in it. */
const subpaths = z.array(
  z.object({
    Target: z.string(),
    VolumeOptions: z.object({ Subpath: z.string().nullish() }).nullish(),
  }),
);

/** What a container mounts, with the directories that are really meant. */
export function mountsOf(container: Container): readonly Mount[] {
  const asked = subpaths.safeParse(container.raw.hostConfig.Mounts).data ?? [];
  return container.mounts.map((mount) => {
    const subpath = asked.find(({ Target }) => tidied(Target) === tidied(mount.destination))?.VolumeOptions
      ?.Subpath;
    return subpath === undefined || subpath === null || mount.source === ''
      ? mount
      : { ...mount, source: posix.join(mount.source, subpath) };
  });
}

/** The mount that `path` in the container lies in: the innermost one. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts
    .filter(({ destination }) => isWithin(path, destination))
    .sort((one, other) => tidied(other.destination).length - tidied(one.destination).length)[0];
}

/** Where `path`, which lies in `mount`, is on the engine's host. */
export function onHost(mount: Mount, path: string): string {
  return posix.join(mount.source, posix.relative(mount.destination, path));
}

/** Where `hostPath` is seen in a container with these mounts: each place, a writable one first, then the closest one. */
export function placesOf(
  hostPath: string,
  mounts: readonly Mount[],
): readonly { readonly path: string; readonly mount: Mount }[] {
  return mounts
    .filter(({ source }) => source !== '' && isWithin(hostPath, source))
    .map((mount) => ({
      path: posix.join(mount.destination, posix.relative(mount.source, hostPath)),
      mount,
    }))
    .filter(({ path, mount }) => mountAt(mounts, path) === mount)
    .sort(
      ({ mount: one }, { mount: other }) =>
        Number(other.writable) - Number(one.writable) || other.source.length - one.source.length,
    );
}

/** The mount, as the engine tells it, through which something of `hostPath` can be written. */
export function writableOver(
  hostPath: string,
  mounts: readonly Mount[],
  volumes: readonly Volume[],
): Mount | undefined {
  return mounts.find(
    ({ source, writable }) =>
      writable &&
      source !== '' &&
      // The same directory, one above or one below.
      hostPathsIn(source, volumes).some((path) => isWithin(hostPath, path) || isWithin(path, hostPath)),
  );
}

/**
 * The name by which a path of the engine's host is compared. The engine tells the mountpoint of a volume, although that
 * may only be where another directory is mounted (`driver_opts: {type: none, o: bind, device: /srv/registry}`), which
 * others may mount under its own name.
 */
export function hostPathOf(path: string, volumes: readonly Volume[]): string {
  let found = tidied(path);
  // A device may lie in another volume. Not for ever: nothing forbids two that name each other.
  for (let hops = 0; hops < volumes.length; hops += 1) {
    const volume = volumes.find(
      ({ mountpoint, device }) => device !== undefined && isWithin(found, mountpoint),
    );
    if (volume?.device === undefined) break;
    found = tidied(posix.join(volume.device, posix.relative(volume.mountpoint, found)));
  }
  return found;
}

/** A container, with the sources of its mounts under the names of `hostPathOf`. The names of volumes stay. */
export function withHostPaths<T extends Pick<ContainerSummary, 'mounts'>>(
  container: T,
  volumes: readonly Volume[],
): T {
  const mounts = container.mounts.map((mount) =>
    mount.source === '' ? mount : { ...mount, source: hostPathOf(mount.source, volumes) },
  );
  return { ...container, mounts };
}

/** What is seen through a mount of `source`: a directory comes with all that is mounted in it (`rbind`), volumes, too. */
function hostPathsIn(source: string, volumes: readonly Volume[]): readonly string[] {
  const path = hostPathOf(source, volumes);
  const inIt = volumes.filter(({ mountpoint, device }) => device !== undefined && isWithin(mountpoint, path));
  return [path, ...inIt.map(({ mountpoint }) => hostPathOf(mountpoint, volumes))];
}

/** For people: `the volume app_data`, `/srv/registry`. */
export function sourceText({ type, name, source }: Mount): string {
  return type === 'volume' && name !== undefined ? `the volume ${name}` : source;
}

/** Whether `path` is `directory`, or below. */
export function isWithin(path: string, directory: string): boolean {
  const [inner, outer] = [tidied(path), tidied(directory)];
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
}

function tidied(path: string): string {
  const plain = posix.normalize(path);
  return plain.length > 1 ? plain.replace(/\/$/, '') : plain;
}
