import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../screen.ts';
import { type HostKey, keysOfHost } from './known-hosts.ts';

/** An engine that is asked through `ssh HOST docker system dial-stdio`. */
export interface SshAddress {
  readonly kind: 'ssh';
  readonly shown: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The socket of an agent that holds our keys; it goes before `privateKey`. */
  readonly agent: string | undefined;
  readonly privateKey: string | undefined;
  /** The keys by which the host is known; never empty. */
  readonly hostKeys: readonly HostKey[];
  /** Where they are from, for people. */
  readonly knownHosts: string;
}

const usualKeys = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/**
 * An address out of `ssh://[user@]host[:port]`. The host must be known already, as `ssh` itself would ask: whoever
 * answers in its place would be given the keys to the registry. `~/.ssh/config` is not read.
 */
export function sshAddress(url: URL, env: Environment, invalid: (text: string) => never): SshAddress {
  if (url.pathname !== '' && url.pathname !== '/') invalid('must not have a path behind the host of ssh://');
  const directory = join(env.HOME ?? homedir(), '.ssh');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? 22 : Number(url.port);
  const knownHosts = join(directory, 'known_hosts');
  const known = [knownHosts, '/etc/ssh/ssh_known_hosts'].map((path) => readIfAny(path) ?? '').join('\n');
  const hostKeys = keysOfHost(known, host, port);
  if (hostKeys.length === 0) {
    const command = port === 22 ? `ssh ${host}` : `ssh -p ${port} ${host}`;
    invalid(`the key of ${host} is not in ${knownHosts}; log in by hand once: ${command}`);
  }
  const agent = (env.SSH_AUTH_SOCK ?? '') === '' ? undefined : env.SSH_AUTH_SOCK;
  const privateKey = usualKeys
    .map((name) => readIfAny(join(directory, name)))
    .find((key) => key !== undefined);
  if (agent === undefined && privateKey === undefined) {
    invalid(`ssh:// needs an agent (SSH_AUTH_SOCK) or one of ${usualKeys.join(', ')} in ${directory}`);
  }
  const user = url.username === '' ? userInfo().username : decodeURIComponent(url.username);
  const shown = `ssh://${url.hostname}:${port}`;
  return { kind: 'ssh', shown, host, port, user, agent, privateKey, hostKeys, knownHosts };
}

function readIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // none, or none for us: the caller says what it needed
  }
}
