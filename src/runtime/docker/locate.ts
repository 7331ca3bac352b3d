import { realpath, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Container, Mount, Volume } from '../../engine/engine.ts';
import { reasonOf } from '../../errors.ts';
import type { Findings } from '../findings.ts';
import { projectOf } from './find.ts';
import { remoteHostOf } from './host-names.ts';
import { hostPathOf, isWithin, mountAt, mountsOf, onHost, placesOf, sourceText } from './mounts.ts';

/** Where the storage is: for the registry, for its engine, and, once that is known, for us. */
export interface Place {
  /** In the live container. */
  readonly path: string;
  /** The live container's mount that holds it. */
  readonly mount: Mount;
  /** On the engine's host, as the engine tells it: in the mountpoint of a volume, which is there while that is in use. */
  readonly told: string;
  /** The same, as it is compared: see `hostPathOf`. */
  readonly hostPath: string;
}

/** Finds the storage among the mounts of `live`, as told. Undefined, and a refusal: nobody else can mount it. */
export function findStorage(
  live: Container,
  rootDirectory: string,
  volumes: readonly Volume[],
  findings: Findings,
): Place | undefined {
  const { refusals, warnings } = findings;
  const path = posix.resolve(live.workingDirectory || '/', rootDirectory);
  const mount = mountAt(mountsOf(live), path);
  if (mount === undefined) {
    refusals.push(
      `${live.name}:${path}: the registry keeps its data in its own container, which nobody else can mount, and with which it is lost. Mount a volume there.`,
    );
    return undefined;
  }
  if (mount.source === '') {
    refusals.push(
      `${live.name}:${path}: the engine does not tell where ${mount.type === 'tmpfs' ? 'this, which is kept in memory,' : sourceText(mount)} lies on its host. Mount a volume or a directory there.`,
    );
    return undefined;
  }
  if (!mount.writable) {
    warnings.push(
      `${live.name}:${path}: the live registry mounts its storage read-only, so it takes no pushes.`,
    );
  }
  const told = onHost(mount, path);
  return { path, mount, told, hostPath: hostPathOf(told, volumes) };
}

/** Where the storage is in our own container. Undefined, and a refusal: it is not mounted, or not as it must be. */
export function findOwnMount(
  place: Place,
  live: Container,
  self: Container,
  writes: boolean,
  { refusals }: Findings,
): { readonly path: string; readonly mount: Mount } | undefined {
  const ours = mountsOf(self);
  const [found] = placesOf(place.hostPath, ours);
  if (found === undefined) {
    const instead = mountAt(ours, place.path);
    const here = instead === undefined ? '' : ` (${place.path} is ${sourceText(instead)} here)`;
    refusals.push(
      `${place.path}: the live registry ${live.name} keeps its data in ${sourceText(place.mount)}, which is not mounted in the cleaner${here}. ` +
        cureOf(place.mount, live, instead === undefined ? 'Add' : 'Replace that by'),
    );
    return undefined;
  }
  if (writes && !found.mount.writable) {
    refusals.push(
      `${found.path}: the storage is mounted read-only in the cleaner, which is enough for a dry run only. ` +
        `Mount it writable: "${volumeLine(found.mount, live)}", without ":ro".`,
    );
  }
  return found;
}

/** Where to open the storage on the engine's host. A device of the network is seen in its mountpoint only. */
export async function openedOnHost({ told, hostPath }: Place): Promise<string> {
  if (!posix.isAbsolute(hostPath)) return told;
  try {
    await stat(hostPath);
    return hostPath;
  } catch (thrown) {
    // Anything else than "not here" is told when it is opened.
    return (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? told : hostPath;
  }
}

/** The real path of the storage's directory for us. Undefined, and a refusal: it cannot be opened. */
export async function openRoot(
  path: string,
  within: Mount | undefined,
  { engine, live }: { readonly engine: string; readonly live: Container },
  { refusals }: Findings,
): Promise<string | undefined> {
  const remote = within === undefined ? remoteHostOf(engine) : undefined;
  if (remote !== undefined) {
    refusals.push(
      `${path}: the storage of ${live.name} is on ${remote}, the host of the engine ${engine}, and the cleaner runs in no container of that engine. Run it in one.`,
    );
    return undefined;
  }
  try {
    const real = await realpath(path);
    if (within !== undefined && !isWithin(real, await realpath(within.destination))) {
      refusals.push(
        `${path}: a symbolic link leads out of ${sourceText(within)}, to ${real}, which is something else in every container. Mount the storage's own directory.`,
      );
      return undefined;
    }
    if (!(await stat(real)).isDirectory()) {
      refusals.push(`${path}: the registry's rootdirectory is not a directory. Check its configuration.`);
      return undefined;
    }
    return real;
  } catch (thrown) {
    const cure =
      within === undefined
        ? 'The cleaner runs outside of containers: run it as root on the host of the engine, or in a container that mounts the storage.'
        : 'Check that the registry has written there, and the user: of the cleaner.';
    refusals.push(`${path}: the storage of ${live.name} cannot be opened (${reasonOf(thrown)}). ${cure}`);
    return undefined;
  }
}

/** What to write into the Compose file of the cleaner, and what `docker run` calls the same. */
function cureOf(mount: Mount, live: Container, verb: string): string {
  if (mount.type === 'volume' && /^[0-9a-f]{64}$/.test(mount.name ?? ''))
    return `Give that volume a name, or give the cleaner volumes_from: ["container:${live.name}"].`;
  const here = volumeLine(mount, live);
  const everywhere = `${mount.type === 'volume' ? mount.name : mount.source}:${mount.destination}`;
  const run = here === everywhere ? '' : ` (docker run: -v ${everywhere})`;
  return `${verb} "${here}" ${verb === 'Add' ? 'to' : 'in'} the volumes of the cleaner${run}.`;
}

/** `source:destination`; a volume of the project by its short name. */
function volumeLine({ type, name, source, destination }: Mount, live: Container): string {
  if (type !== 'volume' || name === undefined) return `${source}:${destination}`;
  const prefix = `${projectOf(live)}_`;
  return `${name.startsWith(prefix) ? name.slice(prefix.length) : name}:${destination}`;
}
