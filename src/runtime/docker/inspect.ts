import type { Container, ContainerSummary, Engine } from '../../engine/engine.ts';
import type { Findings } from '../findings.ts';
import { judgeCache } from '../judge-cache.ts';
import type { RegistryState } from '../runtime.ts';
import { askVersion } from './ask-version.ts';
import { judgeDeclared } from './declared.ts';
import { findLive, findNamed, projectOf } from './find.ts';
import { accessFrom } from './flush.ts';
import type { Ground } from './ground.ts';
import { judgeLive } from './judge-live.ts';
import { findOwnMount, findStorage, openedOnHost, openRoot, type Place } from './locate.ts';
import { withHostPaths } from './mounts.ts';
import type { DockerRuntimeOptions } from './options.ts';
import { findUrl } from './reach.ts';
import { judgeSetup, placeOf, readSetup } from './read-configuration.ts';
import { ownContainer } from './self.ts';
import { judgeWriters, leftovers, populationOf } from './writers.ts';

export interface Inspection {
  readonly state: RegistryState;
  /** Undefined where something is refused that leaves nothing to stand on. */
  readonly ground: Ground | undefined;
}

/** What was found out, as far as that went. */
type Survey = Partial<Ground> & { readonly url?: string | undefined };

/** Who we are, if the engine is not to be asked. */
type FindSelf = (engine: Engine) => Promise<Container | undefined>;

/**
 * Finds out how the registry is run, and everything that speaks against closing it. Changes nothing (but see
 * `askVersion`, for a registry that does not run). Errors: those of the engine.
 */
export async function inspect(
  options: DockerRuntimeOptions,
  engine: Engine,
  signal: AbortSignal,
  findSelf: FindSelf = ownContainer,
): Promise<Inspection> {
  const findings: Findings = { refusals: [], warnings: [] };
  const found = await survey(options, engine, signal, findSelf, findings);
  signal.throwIfAborted();
  return { state: stateOf(found, findings), ground: isComplete(found) ? found : undefined };
}

async function survey(
  options: DockerRuntimeOptions,
  engine: Engine,
  signal: AbortSignal,
  findSelf: FindSelf,
  findings: Findings,
): Promise<Survey> {
  const us = await findSelf(engine);
  const population = await populationOf(engine);
  const { all, volumes } = population;
  const self = us && withHostPaths(us, volumes);
  const told = await liveOf({ options, engine, self }, all, findings);
  signal.throwIfAborted();
  if (told === undefined) return { options, engine, self };
  const live = withHostPaths(told, volumes);
  judgeLive(live, self, findings);

  const setup = await readSetup(engine, live, findings);
  if (setup !== undefined) judgeSetup(live, setup, options, findings);
  const place =
    setup?.configuration.driver === 'filesystem'
      ? findStorage(told, setup.configuration.rootDirectory, volumes, findings)
      : undefined;
  const declared = await judgeDeclared(engine, all, live, { setup, place, volumes }, findings);
  signal.throwIfAborted();
  const known = { options, engine, self, live, declared, ...setup };
  if (place === undefined || setup === undefined) return known;

  const root = await rootOf(known, place, findings);
  await judgeWriters(engine, population, { ...known, hostPath: place.hostPath }, findings);
  signal.throwIfAborted();
  const leftOver = leftovers(population, place.hostPath).map(({ id }) => engine.inspect(id));
  const others = [declared, ...(await Promise.all(leftOver))].filter((one) => one !== undefined);
  const look = { live, others, binary: setup.binary, mayProbe: options.writes };
  const version = await askVersion(engine, look, findings);
  signal.throwIfAborted();
  if (version !== undefined) {
    const access = accessFrom(engine, live);
    await judgeCache(placeOf(live, setup), setup.configuration, version.major, access, findings);
    signal.throwIfAborted();
  }
  const { port, configuration } = setup;
  const url = port === undefined ? undefined : await findUrl({ ...known, port, configuration }, findings);
  return { ...known, ...version, hostPath: place.hostPath, root, url };
}

async function liveOf(
  { options, engine, self }: Pick<Ground, 'options' | 'engine' | 'self'>,
  all: readonly ContainerSummary[],
  { refusals }: Findings,
): Promise<Container | undefined> {
  const project = (self && projectOf(self)) ?? (options.env.COMPOSE_PROJECT_NAME || undefined);
  const search = { self: self?.id, project };
  const { container } = options;
  const result = container === undefined ? findLive(all, search) : findNamed(all, container, search);
  if ('refusal' in result) {
    refusals.push(result.refusal);
    return undefined;
  }
  const live = await engine.inspect(result.found.id);
  if (live === undefined)
    refusals.push(`The container ${result.found.name} went away while it was looked at. Run again.`);
  return live;
}

async function rootOf(
  { options, engine, self, live }: Pick<Ground, 'options' | 'engine' | 'self' | 'live'>,
  place: Place,
  findings: Findings,
): Promise<string | undefined> {
  const where = { engine: engine.address, live };
  if (self === undefined) return openRoot(await openedOnHost(place), undefined, where, findings);
  const own = findOwnMount(place, live, self, options.writes, findings);
  return own && openRoot(own.path, own.mount, where, findings);
}

function stateOf(survey: Survey, findings: Findings): RegistryState {
  const { live, configuration, version, major, root, url } = survey;
  const running = live?.state.running === true;
  return {
    runtime: 'docker',
    version: version ?? '',
    major: major ?? 0,
    driver: 'filesystem',
    root: root ?? '',
    url: url ?? '',
    live: running ? 'running' : 'stopped',
    writers: running ? [{ name: `container ${live.name} (${live.image})` }] : [],
    auth: configuration?.auth ?? 'none',
    cache: configuration?.cache ?? 'none',
    proxy: configuration?.proxy,
    refusals: findings.refusals,
    warnings: findings.warnings,
  };
}

function isComplete(survey: Survey): survey is Survey & Ground {
  const { live, configuration, configPath, binary, version, major, port, hostPath, root } = survey;
  return [live, configuration, configPath, binary, version, major, port, hostPath, root].every(
    (part) => part !== undefined,
  );
}
