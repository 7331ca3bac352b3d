import type { Container, Engine } from '../../engine/engine.ts';
import { pause } from '../../pause.ts';
import { label } from './labels.ts';

/** What a program said, and how it ended; undefined: not in time, or nobody knows. */
export interface Said {
  readonly lines: readonly string[];
  readonly exitCode: number | undefined;
}

const lookEveryMs = 50;
/** Ours is the only name of this kind; without it the label would be somebody's own. */
const role = 'probe';

/**
 * Runs a command in a container of its own, made from the image of `live`, which sees nothing of the network and of the
 * storage, and is removed afterwards. One that was left over by a run that died goes first: its name is the same.
 */
export async function runProbe(
  engine: Engine,
  live: Container,
  [program = '', ...args]: readonly string[],
  forMs: number,
): Promise<Said> {
  const name = `registry-cleanup-probe-${live.id.slice(0, 12)}`;
  await removeProbe(engine, name);
  const id = await engine.create({
    name,
    config: {
      Image: live.imageId,
      User: live.user,
      Entrypoint: [program],
      Cmd: args,
      Env: ['OTEL_TRACES_EXPORTER=none'],
      Labels: { [label.role]: role },
    },
    hostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      // The engine's own default may be one that cannot be read.
      LogConfig: { Type: 'json-file', Config: {} },
      // Where the image declares a volume, an anonymous one would be made, and would stay.
      Mounts: volumesOf(live).map((path) => ({ Type: 'tmpfs', Target: path })),
    },
    endpoint: undefined,
  });
  try {
    await engine.start(id);
    const exitCode = await ended(engine, id, forMs);
    return { lines: await engine.logs(id, 100), exitCode };
  } finally {
    await engine.remove(id);
  }
}

async function removeProbe(engine: Engine, name: string): Promise<void> {
  const found = await engine.inspect(name);
  if (found?.labels[label.role] === role) await engine.remove(found.id);
}

async function ended(engine: Engine, id: string, forMs: number): Promise<number | undefined> {
  const deadline = performance.now() + forMs;
  for (;;) {
    const container = await engine.inspect(id);
    if (container?.state.running !== true) return container?.state.exitCode;
    if (performance.now() > deadline) return undefined;
    await pause(lookEveryMs);
  }
}

function volumesOf(live: Container): readonly string[] {
  const { Volumes: volumes } = live.raw.config;
  return typeof volumes === 'object' && volumes !== null ? Object.keys(volumes) : [];
}
