import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../errors.ts';
import type { Environment } from '../screen.ts';
import { type SshAddress, sshAddress } from './ssh.ts';

/** Certificates in PEM; undefined: those that Node trusts, or none of our own. */
export interface EngineTls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface SocketAddress {
  readonly kind: 'socket';
  readonly shown: string;
  readonly path: string;
}

export interface TcpAddress {
  readonly kind: 'tcp';
  readonly shown: string;
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** What stands before the paths of the API: empty, or `/engine`. */
  readonly prefix: string;
  readonly tls: EngineTls | undefined;
}

/**
 * What DOCKER_HOST says, with the variables that go with it. Errors: CONFIG_INVALID, which names the variable and not its
 * value; USAGE for a pipe of Windows.
 */
export function addressIn(value: string, env: Environment): SocketAddress | TcpAddress | SshAddress {
  // URL drops tabs and newlines in silence.
  if (/[\s\p{Cc}]/u.test(value)) invalid('DOCKER_HOST', 'holds a blank or a control character');
  if (value.startsWith('unix://')) {
    const path = value.slice('unix://'.length);
    if (path !== '' && !path.startsWith('/'))
      invalid('DOCKER_HOST', 'must name the socket by its full path: unix:///…');
    return socketAddress(path === '' ? '/var/run/docker.sock' : path);
  }
  if (/^npipe:/i.test(value)) {
    fail('USAGE', {
      message: 'DOCKER_HOST names a pipe of Windows, which is not supported.',
      hint: 'Run the cleaner in a container, with the socket of the engine mounted.',
    });
  }
  // As the Docker CLI does: an address without a scheme is one of TCP.
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `tcp://${value}`);
  if (url === null || !/^(?:[\w.-]+|\[[\da-f:.]+\])$/i.test(url.hostname)) {
    invalid(
      'DOCKER_HOST',
      'is no address; it looks like unix:///var/run/docker.sock, tcp://host:2375 or ssh://user@host',
    );
  }
  if (url.search !== '' || url.hash !== '') invalid('DOCKER_HOST', 'must not have a query or a fragment');
  if (url.password !== '') invalid('DOCKER_HOST', 'must not hold a password');
  if (url.protocol === 'ssh:') return sshAddress(url, env, (text) => invalid('DOCKER_HOST', text));
  return tcpAddress(url, env);
}

function tcpAddress(url: URL, env: Environment): TcpAddress {
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) {
    invalid('DOCKER_HOST', 'must begin with unix://, tcp://, http://, https:// or ssh://');
  }
  if (url.username !== '') invalid('DOCKER_HOST', 'must not hold a user: the engine knows none');
  const secure =
    url.protocol === 'https:' || (url.protocol === 'tcp:' && (env.DOCKER_TLS_VERIFY ?? '') !== '');
  const usual = { 'tcp:': secure ? 2376 : 2375, 'http:': 80, 'https:': 443 }[url.protocol] ?? 0;
  const prefix = url.pathname.replace(/\/+$/, '');
  const port = url.port === '' ? usual : Number(url.port);
  if (port === 0) invalid('DOCKER_HOST', 'must name a port that one can connect to');
  return {
    kind: 'tcp',
    shown: `${url.protocol}//${url.hostname}:${port}${prefix}`,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    prefix,
    tls: secure ? tlsIn(env.DOCKER_CERT_PATH ?? '') : undefined,
  };
}

/** Without DOCKER_CERT_PATH, what Node trusts is trusted. */
function tlsIn(directory: string): EngineTls {
  if (directory === '') return { ca: undefined, cert: undefined, key: undefined };
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => pemIn(join(directory, name)));
  if (ca === undefined && cert === undefined && key === undefined) {
    invalid('DOCKER_CERT_PATH', `${directory} holds none of ca.pem, cert.pem and key.pem`);
  }
  if ((cert === undefined) !== (key === undefined)) {
    invalid('DOCKER_CERT_PATH', `of cert.pem and key.pem, ${directory} holds only one`);
  }
  return { ca, cert, key };
}

function pemIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT') return undefined;
    return invalid('DOCKER_CERT_PATH', `${path} cannot be read (${code})`);
  }
}

export function socketAddress(path: string): SocketAddress {
  return { kind: 'socket', shown: `unix://${path}`, path };
}

export function invalid(variable: string, text: string): never {
  fail('CONFIG_INVALID', { source: 'environment', problems: [`${variable}: ${text}`] });
}
