import { type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fail } from '../errors.ts';
import type { Environment } from '../screen.ts';
import { addressIn, invalid, type SocketAddress, socketAddress, type TcpAddress } from './docker-host.ts';
import type { SshAddress } from './ssh.ts';

export type { SocketAddress, TcpAddress } from './docker-host.ts';

/** Where an engine is asked. `shown` is for people and holds no secret. */
export type EngineAddress = SocketAddress | TcpAddress | SshAddress;

/**
 * Where the engine is, by the variables that the Docker CLI reads: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH;
 * without DOCKER_HOST, the first of `sockets` that is there. Undefined if none is. Contexts are not read: a
 * DOCKER_CONTEXT could mean another engine than we would find, so it is refused.
 *
 * Errors: CONFIG_INVALID, which names the variable and not its value; USAGE for a pipe of Windows.
 *
 * @see https://docs.docker.com/reference/cli/docker/#environment-variables
 */
export function engineAddress(
  env: Environment,
  sockets: readonly string[] = usualSockets(env),
): EngineAddress | undefined {
  const host = env.DOCKER_HOST ?? '';
  if (host !== '') return addressIn(host, env);
  const context = env.DOCKER_CONTEXT ?? '';
  if (context !== '' && context !== 'default') {
    invalid(
      'DOCKER_CONTEXT',
      'contexts are not read; set DOCKER_HOST to what "docker context inspect" tells as its Host',
    );
  }
  // Where the host has no socket, Compose makes a directory of its name: a socket elsewhere goes before that.
  const there = sockets.map((path) => ({ path, stats: statOf(path) }));
  const found =
    there.find(({ stats }) => stats?.isSocket()) ?? there.find(({ stats }) => stats !== undefined);
  return found === undefined ? undefined : socketAddress(found.path);
}

/** Undefined where there is nothing, or nothing that we may reach. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** `engineAddress`, where there must be one. Errors: ENGINE_UNREACHABLE if there is none, besides. */
export function needEngineAddress(
  env: Environment,
  sockets: readonly string[] = usualSockets(env),
): EngineAddress {
  const address = engineAddress(env, sockets);
  if (address !== undefined) return address;
  const [usual = ''] = sockets;
  return fail('ENGINE_UNREACHABLE', {
    engine: `unix://${usual}`,
    reason: `DOCKER_HOST is not set, and there is none of ${sockets.join(', ')}`,
    hint: missingSocketHint(usual),
  });
}

/** Where engines listen by default: as root, rootless, Docker Desktop. */
export function usualSockets(env: Environment): readonly string[] {
  const { XDG_RUNTIME_DIR: runtime = '', HOME: home = homedir() } = env;
  const uid = process.getuid?.();
  return [
    '/var/run/docker.sock',
    ...(runtime === '' ? [] : [join(runtime, 'docker.sock')]),
    ...(uid === undefined ? [] : [`/run/user/${uid}/docker.sock`]),
    join(home, '.docker/run/docker.sock'),
  ];
}

/** What to do where an engine's socket is not there. */
export function missingSocketHint(path: string): string {
  return `In a container, mount the engine's socket: volumes: ["/var/run/docker.sock:${path}"]. On the host, start the engine, or say in DOCKER_HOST where it listens.`;
}
