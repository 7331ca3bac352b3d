import type { Container, NewContainer } from '../../engine/engine.ts';
import { fail } from '../../errors.ts';
import { pause } from '../../pause.ts';
import type { Reach, Trial } from '../runtime.ts';
import { standInOf } from './clone.ts';
import type { Ground } from './ground.ts';
import { label } from './labels.ts';
import { isWithin, mountsOf, placesOf } from './mounts.ts';
import { findWay, type Unreached, vantageOf } from './serves.ts';

/** Ours is the only name of this kind; without it the label would be somebody's own. */
const role = 'probe';

/**
 * Starts a container as the stand-in's is, but without a name or port that clients know and with nothing where the
 * storage would be, lets `ask` ask it, and removes it. One that was left over goes first: its name is the same. Throws
 * what the engine does not allow, and COMMAND_FAILED if it does not serve.
 */
export async function tryReadonly<T>(
  ground: Ground,
  { runId, signal }: { readonly runId: string; readonly signal: AbortSignal },
  ask: (reach: Reach) => Promise<T>,
): Promise<Trial<T>> {
  const { engine, declared, live } = ground;
  if (declared !== undefined)
    return { untried: `a run starts the declared stand-in (container ${declared.name}), which is let be` };
  const name = `registry-cleanup-trial-${live.id.slice(0, 12)}`;
  if ((await engine.inspect(name))?.labels[label.role] === role) await engine.remove(name);
  await engine.create(trialOf(ground, name, runId));
  try {
    await engine.start(name);
    const reach = await waitUntilServes(ground, name, signal);
    if ('url' in reach) return { answer: await ask(reach) };
    return { untried: 'a throw-away instance would not be reached from here' };
  } finally {
    await engine.remove(name);
  }
}

/** No label of the live one comes along: what is driven by labels would send clients there. */
function trialOf(ground: Ground, name: string, runId: string): NewContainer {
  const { live } = ground;
  const { container } = standInOf(live, { name, runId, hidden: true, drains: false });
  const network = networkFor(ground);
  const env: unknown = container.config.Env;
  const variables = Array.isArray(env) ? env.filter((one) => !/^REGISTRY_HTTP(_|=)/.test(String(one))) : [];
  return {
    name,
    config: {
      ...container.config,
      Hostname: '',
      Env: [...variables, `REGISTRY_HTTP=${JSON.stringify({ addr: `:${ground.port}` })}`],
      Labels: { [label.role]: role },
    },
    hostConfig: {
      ...container.hostConfig,
      NetworkMode: network ?? 'bridge',
      // Whatever it needs is there, and cannot be changed.
      VolumesFrom: [`${live.id}:ro`],
      Mounts: [
        ...asList(container.hostConfig.Mounts),
        ...emptied(ground).map((path) => ({ Type: 'tmpfs', Target: path })),
      ],
      // The engine's own default may be one that cannot be read.
      LogConfig: { Type: 'json-file', Config: {} },
    },
    endpoint: network === undefined ? undefined : { network, config: {} },
  };
}

/** A network in which we reach it; undefined: the engine's default one. */
function networkFor({ live, self }: Ground): string | undefined {
  if (/^(default|bridge|host|none|container:.*)$/.test(live.networkMode)) return undefined;
  const names = live.endpoints.map(({ network }) => network);
  return names.find((name) => self?.endpoints.some(({ network }) => network === name)) ?? names[0];
}

/** Where the storage is mounted, unless the registry's configuration lies there as well. */
function emptied({ live, hostPath, configPath }: Ground): readonly string[] {
  const places = placesOf(hostPath, mountsOf(live)).map(({ mount }) => mount.destination);
  return [...new Set(places)].filter((destination) => !isWithin(configPath, destination));
}

async function waitUntilServes(
  ground: Ground,
  name: string,
  signal: AbortSignal,
): Promise<Reach | Unreached> {
  const { engine, options } = ground;
  const from = { ...vantageOf(ground), tls: false, prefix: '', host: undefined };
  const deadline = performance.now() + options.startTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const container = await engine.inspect(name);
    if (container?.state.running !== true || performance.now() > deadline)
      return failToServe(ground, name, container);
    const way = await findWay(from, container);
    if ('url' in way || way.tried.length === 0) return way;
    await pause(20, signal);
  }
}

async function failToServe(ground: Ground, name: string, container: Container | undefined): Promise<never> {
  const { engine, options } = ground;
  const reason =
    container === undefined
      ? 'its container is gone'
      : container.state.running
        ? `it does not answer within ${options.startTimeoutMs / 1000} s`
        : `it exited with ${container.state.exitCode}`;
  const output = container === undefined ? [] : await engine.logs(name, 10);
  return fail('COMMAND_FAILED', { command: 'A throw-away read-only instance', reason, output });
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
