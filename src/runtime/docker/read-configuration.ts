import type { Container, Engine } from '../../engine/engine.ts';
import { CleanupError } from '../../errors.ts';
import type { RegistryConfiguration } from '../../registry/configuration.ts';
import type { Findings } from '../findings.ts';
import { judgeConfiguration, understand } from '../judge-configuration.ts';
import type { DockerRuntimeOptions } from './options.ts';
import { type Program, programOf } from './program.ts';

/** Until the engine kills what does not stop, seconds, where the container says nothing (Engine API). */
const usualStopSeconds = 10;

/** How the live registry is run and configured. */
export interface Setup extends Program {
  readonly configuration: RegistryConfiguration;
  /** That the registry listens on in its container; undefined where the configuration names none, and that is refused. */
  readonly port: number | undefined;
}

/**
 * Reads the configuration in the container, together with the container's environment. Undefined, and a refusal: it is of
 * no use.
 */
export async function readSetup(
  engine: Engine,
  container: Container,
  findings: Findings,
): Promise<Setup | undefined> {
  const program = programOf(container);
  if ('refusal' in program) {
    findings.refusals.push(program.refusal);
    return undefined;
  }
  const place = placeOf(container, program);
  const bytes = await readFile(engine, container, program.configPath, findings);
  if (bytes === undefined) return undefined;
  const configuration = understand(place, new TextDecoder().decode(bytes), container.env, findings);
  if (configuration === undefined) return undefined;
  const { addr, net } = configuration.http;
  const port = portOf(addr);
  if (port === undefined && net === 'tcp') {
    findings.refusals.push(
      `${place}: http.addr is ${JSON.stringify(addr)}, which names no fixed port. Set it to HOST:PORT.`,
    );
  }
  return { ...program, configuration, port };
}

/** Refuses what this version cannot do with a registry that is configured like this. */
export function judgeSetup(
  live: Container,
  setup: Setup,
  options: Pick<DockerRuntimeOptions, 'standIn' | 'hasAuth'>,
  findings: Findings,
): void {
  const seconds = live.stopTimeout ?? usualStopSeconds;
  const stop = {
    ms: seconds * 1000,
    setting: "the container's stop timeout (stop_grace_period)",
    otherwise: 'a longer one would be cut off',
  };
  judgeConfiguration(placeOf(live, setup), setup.configuration, { ...options, stop }, findings);
}

/** For people: `registry:/etc/docker/registry/config.yml`. */
export function placeOf({ name }: Container, { configPath }: Program): string {
  return `${name}:${configPath}`;
}

/** The port of `host:port` as Go's `net.Listen` takes it. */
export function portOf(addr: string): number | undefined {
  const port = Number(/^(?:\[[^\]]*\]|[^:[\]]*):(\d{1,5})$/.exec(addr)?.[1]);
  return port > 0 && port <= 65_535 ? port : undefined;
}

async function readFile(
  engine: Engine,
  container: Container,
  path: string,
  { refusals }: Findings,
): Promise<Uint8Array | undefined> {
  const place = `${container.name}:${path}`;
  try {
    const bytes = await engine.readFile(container.id, path);
    if (bytes === undefined) {
      refusals.push(
        `${place}: the registry's configuration is not in its container. Mount it there, or name another path in the container's command.`,
      );
    }
    return bytes;
  } catch (thrown) {
    // The engine's own words, about a directory of that name or a file that is far too large.
    if (!(thrown instanceof CleanupError) || !hasAnswered(thrown)) throw thrown;
    refusals.push(`${place}: the registry's configuration cannot be read. ${thrown.message} ${thrown.hint}`);
    return undefined;
  }
}

function hasAnswered({ code }: CleanupError): boolean {
  return code === 'ENGINE_ANSWERED' || code === 'FILE_TOO_LARGE';
}
