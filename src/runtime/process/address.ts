import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Where a registry listens: `http.addr`, taken apart. */
export interface Address {
  /** As written: a name, an IP address, or '' for every interface. */
  readonly host: string;
  readonly port: number;
  /** The IP addresses meant; `::` stands for every one, `0.0.0.0` for every IPv4 one. */
  readonly ips: readonly string[];
}

/**
 * Takes `http.addr` apart as Go's `net.Listen` does: `host:port`, `[v6]:port`, `:port`. Undefined if it names no fixed
 * port. Rejects if the host is a name that does not resolve.
 */
export async function parseAddress(text: string): Promise<Address | undefined> {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port === 0 || port > 65_535) return undefined;
  const host = match[1] ?? match[2] ?? '';
  if (host === '') return { host, port, ips: ['::'] };
  if (isIP(host) !== 0) return { host, port, ips: [host] };
  const found = await lookup(host, { all: true });
  return { host, port, ips: found.map(({ address }) => address) };
}

/** How we reach a registry that listens there, from this machine: `http://127.0.0.1:5000`, with its `http.prefix`. */
export function localUrl(address: Address, http: { readonly tls: boolean; readonly prefix: string }): string {
  const host = isWildcard(address.host) ? '127.0.0.1' : address.host;
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${address.port}`;
  return `${http.tls ? 'https' : 'http'}://${authority}${http.prefix.replace(/\/+$/, '')}`;
}

export function formatAddress(address: Address): string {
  return `${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`;
}

function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || /^[0:]+$/.test(host);
}
