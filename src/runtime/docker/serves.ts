import { isIP } from 'node:net';
import type { Container, Engine } from '../../engine/engine.ts';
import { reasonOf } from '../../errors.ts';
import { createTransport } from '../../registry/client-transport.ts';
import { registryAddress } from '../../registry/client-url.ts';
import type { Reach } from '../runtime.ts';
import { type Candidate, candidates, type Site, type Standpoint } from './candidates.ts';
import type { Ground } from './ground.ts';
import { hostOf, remoteHostOf } from './host-names.ts';

/** What an instance of the registry speaks, and from where it is looked for. */
export interface Vantage {
  readonly engine: Engine;
  /** The container that we run in; undefined on the host. */
  readonly self: Container | undefined;
  /** Port, TLS and prefix of the registry in its container (`http` of its configuration). */
  readonly port: number;
  readonly tls: boolean;
  readonly prefix: string;
  /** Host in the URL: the name that certificates and virtual hosts know. Default: what the container is called. */
  readonly host?: string | undefined;
}

/** From where, and as what, the registry of `ground` is looked for. */
export function vantageOf(
  ground: Pick<Ground, 'engine' | 'self' | 'live' | 'port' | 'configuration' | 'options'>,
): Vantage {
  const { tls, prefix } = ground.configuration.http;
  const host = hostOf(ground.live, ground.options.url);
  return { engine: ground.engine, self: ground.self, port: ground.port, tls, prefix, host };
}

/** Where it was looked for in vain, each place with what came of it. */
export interface Unreached {
  readonly tried: readonly string[];
  readonly target: Site;
  readonly standpoint: Standpoint;
}

/** A registry on this machine or network answers within milliseconds. */
const patienceMs = 2_000;

/** How we reach the registry in `container`; undefined while it does not answer (200, or 401 where it wants credentials). */
export async function serves(from: Vantage, container: Container): Promise<Reach | undefined> {
  const found = await findWay(from, container);
  return 'url' in found ? found : undefined;
}

/** Asks at every place where it may be, all at once. The first one from which a registry answers it is. */
export async function findWay(from: Vantage, container: Container): Promise<Reach | Unreached> {
  const target = await siteOf(from.engine, container);
  const standpoint = await standpointOf(from);
  const places = candidates(target, from.port, standpoint);
  const url = urlOf(from, container);
  const found = new AbortController();
  const asked = places.map((place) => ask(url, place, found.signal));
  try {
    const { host, port } = await Promise.any(asked);
    return { url, connectTo: { host, port } };
  } catch (thrown) {
    if (!(thrown instanceof AggregateError)) throw thrown;
    const reasons: readonly unknown[] = thrown.errors;
    const tried = places.map(({ host, port, how }, index) => {
      return `${hostPort(host, port)} (${how}): ${reasonOf(reasons[index])}`;
    });
    return { tried, target, standpoint };
  } finally {
    found.abort(new Error('another one answered'));
  }
}

/** `http://registry:5000`: as the registry in `container` is called where it runs. */
export function urlOf(from: Omit<Vantage, 'engine' | 'self'>, container: Container): string {
  const host = from.host ?? hostOf(container);
  return `${from.tls ? 'https' : 'http'}://${hostPort(host, from.port)}${from.prefix.replace(/\/+$/, '')}`;
}

/** The network that `container` uses, which may be another container's. */
async function siteOf(engine: Engine, container: Container): Promise<Site> {
  const owner = /^container:(.+)$/.exec(container.networkMode)?.[1];
  return (owner === undefined ? undefined : await engine.inspect(owner)) ?? container;
}

async function standpointOf({ engine, self }: Vantage): Promise<Standpoint> {
  if (self !== undefined) return { kind: 'container', site: await siteOf(engine, self) };
  const host = remoteHostOf(engine.address);
  return host === undefined ? { kind: 'host' } : { kind: 'remote', host };
}

/** Nothing secret is sent, so the certificate is not checked. Rejects with why no registry answers there. */
async function ask(url: string, place: Candidate, signal: AbortSignal): Promise<Candidate> {
  const address = registryAddress(url);
  const { host, port } = place;
  const detour = { origin: address.url.origin, host, port };
  const transport = createTransport({ tls: { insecure: true }, timeoutMs: patienceMs, signal, detour });
  try {
    const answer = await transport.send({ method: 'GET', url: address.api(''), limit: 0 });
    if (answer.header('docker-distribution-api-version') === undefined)
      throw new Error(`no registry answers (${answer.status})`);
    if (answer.status !== 200 && answer.status !== 401) throw new Error(`it answers ${answer.status}`);
    return place;
  } catch (thrown) {
    // REGISTRY_UNREACHABLE names the URL, which is the same for every place.
    throw thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  } finally {
    await transport.close();
  }
}

function hostPort(host: string, port: number): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
