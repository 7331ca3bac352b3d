import { isIP } from 'node:net';
import type { Container, Endpoint } from '../../engine/engine.ts';

/** A place where a container's port may be found. */
export interface Candidate {
  readonly host: string;
  readonly port: number;
  /** For people: `network app_default`. */
  readonly how: string;
}

/** A container's network: its own, or that of the container whose network it shares. */
export interface Site extends Pick<Container, 'id' | 'networkMode' | 'endpoints' | 'published'> {}

/** Where we stand: in a container, on the engine's host, or on another machine. */
export type Standpoint =
  | { readonly kind: 'container'; readonly site: Site }
  | { readonly kind: 'host' }
  | { readonly kind: 'remote'; readonly host: string };

/** Every way in which `port` of the container `target` may be reached from `from`, the most direct ones first. */
export function candidates(target: Site, port: number, from: Standpoint): readonly Candidate[] {
  if (from.kind === 'remote') return fromAfar(target, port, from.host);
  if (from.kind === 'host' || from.site.networkMode === 'host') return fromHost(target, port);
  const { site } = from;
  const local = site.id === target.id ? [{ host: '127.0.0.1', port, how: 'the same network stack' }] : [];
  const shared = target.endpoints
    .filter(({ network }) => site.endpoints.some((ours) => ours.network === network))
    .flatMap((endpoint) => addressesIn(endpoint, port));
  const gateways = site.endpoints.map(({ gateway }) => gateway).filter((gateway) => gateway !== '');
  const through = gateways.flatMap((gateway) =>
    target.networkMode === 'host' ? [{ host: gateway, port, how: "the engine's host" }] : [],
  );
  const published = bindings(target, port).flatMap(({ hostIp, hostPort }) => {
    const hosts = isEverywhere(hostIp) ? gateways : isLoopback(hostIp) ? [] : [hostIp];
    return hosts.map((host) => ({ host, port: hostPort, how: 'published port' }));
  });
  return distinct([...local, ...shared, ...through, ...published]);
}

function fromHost(target: Site, port: number): readonly Candidate[] {
  const host =
    target.networkMode === 'host' ? [{ host: '127.0.0.1', port, how: "the host's own network" }] : [];
  const published = bindings(target, port).map(({ hostIp, hostPort }) => ({
    host: isEverywhere(hostIp) ? '127.0.0.1' : hostIp,
    port: hostPort,
    how: 'published port',
  }));
  return distinct([
    ...host,
    ...target.endpoints.flatMap((endpoint) => addressesIn(endpoint, port)),
    ...published,
  ]);
}

function fromAfar(target: Site, port: number, host: string): readonly Candidate[] {
  if (target.networkMode === 'host') return [{ host, port, how: "the engine's host" }];
  const published = bindings(target, port).filter(({ hostIp }) => !isLoopback(hostIp));
  return distinct(published.map(({ hostPort }) => ({ host, port: hostPort, how: 'published port' })));
}

function addressesIn({ network, ip, ipv6 }: Endpoint, port: number): readonly Candidate[] {
  return [ip, ipv6]
    .filter((host) => isIP(host) !== 0)
    .map((host) => ({ host, port, how: `network ${network}` }));
}

function bindings(target: Site, port: number): readonly { hostIp: string; hostPort: number }[] {
  return target.published
    .filter((binding) => binding.port === `${port}/tcp` && Number(binding.hostPort) > 0)
    .map(({ hostIp, hostPort }) => ({ hostIp, hostPort: Number(hostPort) }));
}

function isEverywhere(hostIp: string): boolean {
  return hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::';
}

function isLoopback(hostIp: string): boolean {
  return hostIp.startsWith('127.') || hostIp === '::1';
}

function distinct(found: readonly Candidate[]): readonly Candidate[] {
  const places = new Map<string, Candidate>();
  for (const candidate of found) {
    const place = `${candidate.host} ${candidate.port}`;
    if (!places.has(place)) places.set(place, candidate);
  }
  return [...places.values()];
}
