import type { Container, ContainerSummary, Engine, Mount, Volume } from '../../engine/engine.ts';
import type { Findings } from '../findings.ts';
import type { Ground } from './ground.ts';
import { label } from './labels.ts';
import { mountsOf, sourceText, writableOver } from './mounts.ts';

interface Writer {
  readonly container: Container;
  readonly mount: Mount;
}

/** What the engine has, at one moment. */
export interface Population {
  readonly all: readonly ContainerSummary[];
  readonly volumes: readonly Volume[];
}

/** Who runs, or will go on running. */
const alive = new Set(['running', 'paused', 'restarting']);

/** The volumes after the containers: those that a container mounts are there as long as it is. */
export async function populationOf(engine: Engine): Promise<Population> {
  const all = await engine.list();
  return { all, volumes: await engine.volumes() };
}

/**
 * Who else could write to the storage while a run is under way: containers that mount it, or a directory above or below
 * it, and not read-only. Other cleaners are none, since they would have to take the lock first.
 */
async function writersOver(
  engine: Engine,
  { all, volumes }: Population,
  look: {
    readonly hostPath: string;
    readonly self: Container | undefined;
    readonly except: readonly string[];
  },
): Promise<readonly Writer[]> {
  const { hostPath, self, except } = look;
  const suspects = all.filter(
    ({ id, name, state, mounts }) =>
      alive.has(state) &&
      id !== self?.id &&
      !except.includes(id) &&
      !except.includes(name) &&
      writableOver(hostPath, mounts, volumes) !== undefined,
  );
  const writers = await Promise.all(
    suspects.map(async ({ id }): Promise<readonly Writer[]> => {
      const container = await engine.inspect(id);
      if (container === undefined || !alive.has(container.state.status)) return [];
      const mount = writableOver(hostPath, mountsOf(container), volumes);
      return mount === undefined || isCleaner(container, self) ? [] : [{ container, mount }];
    }),
  );
  return writers.flat();
}

/** Refuses other writers. What a run that died left behind is told, and recovered from its journal. */
export async function judgeWriters(
  engine: Engine,
  population: Population,
  ground: Pick<Ground, 'hostPath' | 'self' | 'live' | 'declared'>,
  { refusals, warnings }: Findings,
): Promise<void> {
  const { hostPath, self, live, declared } = ground;
  const leftOver = leftovers(population, hostPath);
  for (const { name, labels } of leftOver) {
    warnings.push(
      `The container ${name} was made by run ${labels[label.run]} of the cleaner. Another run is under way, or died: then ` +
        'the next run that is no dry run undoes what it left. If no run does, remove the container.',
    );
  }
  const known = [live, ...(declared === undefined ? [] : [declared]), ...leftOver];
  const except = known.map(({ id }) => id);
  for (const { container, mount } of await writersOver(engine, population, { hostPath, self, except })) {
    refusals.push(
      `${hostPath}: the container ${container.name} (${container.image}) may write there, too: it mounts ` +
        `${sourceText(mount)} on ${mount.destination}. Stop it, or let it mount that read-only ("…:${mount.destination}:ro").`,
    );
  }
}

/** Containers that a run of the cleaner made over the storage, running or not. */
export function leftovers({ all, volumes }: Population, hostPath: string): readonly ContainerSummary[] {
  return all.filter(
    ({ labels, mounts }) =>
      labels[label.run] !== undefined &&
      writableOver(
        hostPath,
        mounts.map((mount) => ({ ...mount, writable: true })),
        volumes,
      ) !== undefined,
  );
}

/** Who breaks the fence: the live registry, if it runs, or another writer. `ours` (ids or names) may run. */
export async function storageBreach(ground: Ground, ours: readonly string[]): Promise<string | undefined> {
  const { engine, live, hostPath, self } = ground;
  const population = await populationOf(engine);
  if (population.all.some(({ id, state }) => id === live.id && alive.has(state)))
    return `the live registry (container ${live.name}) runs`;
  const [writer] = await writersOver(engine, population, { hostPath, self, except: ours });
  if (writer === undefined) return undefined;
  const { container, mount } = writer;
  return (
    `the container ${container.name} (${container.image}) runs, and may write to the storage: ` +
    `it mounts ${sourceText(mount)} on ${mount.destination}`
  );
}

function isCleaner(container: Container, self: Container | undefined): boolean {
  return container.labels[label.role] === 'cleaner' || container.imageId === self?.imageId;
}
