import type { Container } from '../../engine/engine.ts';
import { parseHttpUrl } from '../../registry/client-url.ts';

/**
 * The host of URLs of the registry in `container`: that of `url`, where users reach it, else what its networks know it
 * by (the service's name in Compose). In brackets if it is an IPv6 address.
 */
export function hostOf(container: Container, url?: string): string {
  const known = url === undefined ? undefined : parseHttpUrl(url)?.hostname;
  const aliases = container.endpoints.flatMap((endpoint) => endpoint.aliases);
  const names = [...(known === undefined ? [] : [known]), ...aliases, container.name];
  return names.find((name) => isHost(name) && name !== container.id.slice(0, 12)) ?? 'registry';
}

/** The machine that the engine runs on; undefined: this one. */
export function remoteHostOf(engineAddress: string): string | undefined {
  const url = URL.parse(engineAddress);
  if (url === null || url.hostname === '' || !/^(tcp|https?|ssh):$/.test(url.protocol)) return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return host === 'localhost' || host === '::1' || host.startsWith('127.') ? undefined : host;
}

function isHost(name: string): boolean {
  return /^(?:[a-z0-9][\w.-]*|\[[\da-f:.]+\])$/i.test(name);
}
