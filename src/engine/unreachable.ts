import { type CleanupError, problem, reasonOf } from '../errors.ts';
import { type EngineAddress, missingSocketHint, statOf } from './address.ts';

/** The error for a call that got no answer, or half of one. */
export function unreachable(
  address: EngineAddress,
  call: { readonly method: string; readonly path: string } | undefined,
  thrown: unknown,
): CleanupError {
  const first = firstOf(thrown);
  const what = call === undefined ? '' : `${call.method} ${call.path}: `;
  const reason = `${what}${reasonText(thrown)}`;
  const hint = hintFor(address, codeOf(first), reason);
  return problem('ENGINE_UNREACHABLE', { engine: address.shown, reason, hint }, thrown);
}

function hintFor(address: EngineAddress, code: string, reason: string): string {
  if (address.kind === 'socket') return socketHint(address.path, code);
  if (address.kind === 'ssh') return sshHint(address, reason);
  if (/CERT|SIGNATURE|SELF_SIGNED|ISSUER/.test(code)) {
    return 'DOCKER_CERT_PATH must hold the ca.pem that signed the certificate of the engine, and the cert.pem and key.pem that it takes. The name in DOCKER_HOST must be one that its certificate names.';
  }
  // Some end the connection without a word when they do not take a certificate.
  const cut = address.tls !== undefined && ['ECONNRESET', 'EPIPE'].includes(code);
  if (cut || code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return 'The two do not agree on TLS: unset DOCKER_TLS_VERIFY if the engine speaks plain HTTP there; see whether it takes the cert.pem of DOCKER_CERT_PATH otherwise.';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'Check the host in DOCKER_HOST: it has no address.';
  return 'Check the host and the port in DOCKER_HOST, and that the engine (or the socket proxy) runs and listens there.';
}

function socketHint(path: string, code: string): string {
  switch (code) {
    case 'ENOENT':
      return missingSocketHint(path);
    case 'EACCES':
    case 'EPERM':
      return rightsHint(path);
    case 'ECONNREFUSED':
      return statOf(path)?.isSocket() === false
        ? `${path} is no socket. Compose makes a directory of that name where the host has no socket: remove it, start the engine, and create the container again.`
        : 'The socket is there, and nobody listens: start the engine (systemctl start docker). A container that mounts the socket of an engine that was restarted must be created again.';
    default:
      return 'See whether the engine runs and answers: docker version.';
  }
}

function rightsHint(path: string): string {
  const stats = statOf(path);
  if (stats === undefined) return `The user of the cleaner may not enter the directory of ${path}.`;
  const { uid, gid, mode } = stats;
  if ((mode & 0o020) === 0) {
    return `Only user ${uid} may use the socket. In Compose, give the cleaner: user: "${uid}". On the host, run it as that user.`;
  }
  return `The socket belongs to user ${uid} and group ${gid}. In Compose, give the cleaner: group_add: ["${gid}"] (or user: "${uid}"). On the host, run it as a member of that group.`;
}

function sshHint(address: EngineAddress & { kind: 'ssh' }, reason: string): string {
  if (/verification failed|denied/i.test(reason)) {
    return `The host shows another key than ${address.knownHosts} holds. If it was set up anew: ssh-keygen -R ${address.host}, then log in by hand once.`;
  }
  if (/authentication/i.test(reason)) {
    return 'Log in with a key that the host takes: one in the agent of SSH_AUTH_SOCK, or without a passphrase in ~/.ssh (id_ed25519, id_ecdsa, id_rsa).';
  }
  return 'Check that "ssh HOST docker system dial-stdio" works, without a question and a password: that is how the engine is asked.';
}

/** Node reports a host with several addresses as an error without a message that holds one per address. */
function firstOf(thrown: unknown): unknown {
  return thrown instanceof AggregateError ? thrown.errors[0] : thrown;
}

function reasonText(thrown: unknown): string {
  const all = thrown instanceof AggregateError && thrown.message === '' ? thrown.errors : [thrown];
  return [...new Set(all.map(reasonOf))].join(', ').replace(/\.$/, '');
}

function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}
