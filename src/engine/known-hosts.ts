import { createHmac } from 'node:crypto';

/** A key by which a host is known. */
export interface HostKey {
  /** `ssh-ed25519`, `ssh-rsa`, … */
  readonly type: string;
  /** As it goes over the wire. */
  readonly bytes: Buffer;
}

/**
 * The keys of a host in the text of a known_hosts file: plain, with wildcards, negated or hashed names. Keys that are
 * marked as revoked count for no host; those of certificate authorities are left out.
 *
 * @see https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT
 */
export function keysOfHost(text: string, host: string, port: number): readonly HostKey[] {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const revoked = new Set(lines.filter(([marker]) => marker === '@revoked').map(([, , , key]) => key));
  return lines.flatMap(([names = '', type = '', key = '']) =>
    names !== '' && !/^[#@]/.test(names) && key !== '' && !revoked.has(key) && fits(names, name)
      ? [{ type, bytes: Buffer.from(key, 'base64') }]
      : [],
  );
}

function fits(names: string, name: string): boolean {
  if (names.startsWith('|1|')) {
    const [, , salt = '', hash = ''] = names.split('|');
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
  }
  const patterns = names.toLowerCase().split(',');
  const some = (wanted: readonly string[]) => wanted.some((pattern) => wildcard(pattern).test(name));
  const [not, yes] = [
    patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1)),
    patterns.filter((pattern) => !pattern.startsWith('!')),
  ];
  return some(yes) && !some(not);
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[\\^$.+()[\]{}|]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*+/g, '.*').replaceAll('?', '.')}$`);
}
