import type { Container, ContainerSummary, Engine, Volume } from '../../engine/engine.ts';
import type { Findings } from '../findings.ts';
import { findDeclared } from './find.ts';
import type { Place } from './locate.ts';
import { hostPathOf, mountAt, mountsOf, onHost, sourceText, withHostPaths } from './mounts.ts';
import { placeOf, readSetup, type Setup } from './read-configuration.ts';

/**
 * The stand-in that is declared beside the live registry, if there is one. That it is read-only will be proven; here it
 * is seen that it serves the same data by the same program, and that the collector, which runs in it, can write.
 */
export async function judgeDeclared(
  engine: Engine,
  all: readonly ContainerSummary[],
  live: Container,
  known: {
    readonly setup: Setup | undefined;
    readonly place: Place | undefined;
    readonly volumes: readonly Volume[];
  },
  findings: Findings,
): Promise<Container | undefined> {
  const { refusals } = findings;
  const search = findDeclared(all, live);
  if ('refusal' in search) {
    refusals.push(search.refusal);
    return undefined;
  }
  const told = search.found && (await engine.inspect(search.found.id));
  if (told === undefined) return undefined;
  const declared = withHostPaths(told, known.volumes);
  const { name } = declared;
  if (declared.imageId !== live.imageId) {
    refusals.push(
      `${name}: the declared stand-in is made from another image (${declared.image}) than ${live.name} (${live.image}). Recreate both from the same one.`,
    );
  }
  if (declared.autoRemove) {
    refusals.push(`${name}: the declared stand-in is removed once it stops (--rm). Create it without --rm.`);
  }
  if (known.place !== undefined) judgeMount(declared, live, known.place, known.volumes, findings);
  if (known.setup !== undefined) await judgeSetup(engine, declared, live, known.setup, findings);
  return declared;
}

function judgeMount(
  declared: Container,
  live: Container,
  place: Place,
  volumes: readonly Volume[],
  { refusals }: Findings,
): void {
  const where = `${declared.name}:${place.path}`;
  const mount = mountAt(mountsOf(declared), place.path);
  if (mount === undefined || hostPathOf(onHost(mount, place.path), volumes) !== place.hostPath) {
    refusals.push(
      `${where}: the declared stand-in does not mount the storage of ${live.name} there (${sourceText(place.mount)}). Give both the same volume at the same place.`,
    );
  } else if (!mount.writable) {
    refusals.push(
      `${where}: the declared stand-in mounts the storage read-only, and the collector could not work in it. Leave ":ro" out: its configuration makes it read-only.`,
    );
  }
}

/** The collector is told the path of the live registry's configuration, and clients find the one where the other was. */
async function judgeSetup(
  engine: Engine,
  declared: Container,
  live: Container,
  wanted: Setup,
  findings: Findings,
): Promise<void> {
  const setup = await readSetup(engine, declared, findings);
  if (setup === undefined) return;
  const { http, readOnly, driver, rootDirectory } = setup.configuration;
  const { configuration } = wanted;
  const differences = [
    [setup.configPath, wanted.configPath, 'path of the configuration'],
    [driver, configuration.driver, 'storage driver'],
    [rootDirectory, configuration.rootDirectory, 'rootdirectory'],
    [http.addr, configuration.http.addr, 'http.addr'],
    [http.prefix, configuration.http.prefix, 'http.prefix'],
    [http.tls ? 'on' : 'off', configuration.http.tls ? 'on' : 'off', 'http.tls'],
  ] as const;
  for (const [its, other, what] of differences) {
    if (its === other) continue;
    findings.refusals.push(
      `${declared.name}: the ${what} of the declared stand-in is ${its}, but ${other} in ${live.name}. Make them the same.`,
    );
  }
  if (!readOnly) {
    findings.refusals.push(
      `${placeOf(declared, setup)}: the declared stand-in is not read-only. Add to its environment: REGISTRY_STORAGE_MAINTENANCE: '{"readonly":{"enabled":true},"uploadpurging":{"enabled":false}}'`,
    );
  }
}
