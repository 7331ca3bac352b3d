import { overridesOf } from './configuration-environment.ts';
import { ConfigurationError, readYamlValue } from './configuration-yaml.ts';

/** The `redis` section with the environment applied. Scalars are texts, as they are written. Holds a password. */
export type RedisSection = Readonly<Record<string, unknown>>;

/** How a registry reaches the Redis that its descriptors are cached in. Holds a password. */
export interface RedisSettings {
  /** As written (`redis:6379`, `/run/redis.sock`), for people. */
  readonly address: string;
  /** `host` as the registry sees it; a socket's `path` likewise. */
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: RedisTls | undefined;
}

/**
 * The variables that the registry itself would know, of those that matter here. All others are to be left alone: a
 * Kubernetes service or container link called "registry-redis" makes REGISTRY_REDIS_PORT_6379_TCP and the like.
 */
const understood =
  /^(?:|ADDR|ADDRS(?:_\d+)?|USERNAME|PASSWORD|DB|MASTERNAME|OPTIONS|TLS(?:_(?:CERTIFICATE|KEY|(?:ROOT|CLIENT)CAS(?:_\d+)?))?)$/;

/** Paths as the registry sees them. */
export interface RedisTls {
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Empty: whom the system trusts. */
  readonly rootCas: readonly string[];
}

/**
 * The `redis` section of the YAML (its scalars as texts) with `REGISTRY_REDIS_*` applied, parents before children.
 * Registry 3 keeps all but `tls` in a struct of its own, so there `REGISTRY_REDIS_OPTIONS_DB` is `REGISTRY_REDIS_DB`.
 */
export function redisSection(
  fromYaml: unknown,
  env: Readonly<Record<string, string | undefined>>,
): RedisSection {
  let section = structuredClone(asMap('redis', fromYaml));
  for (const { name, path, value } of overridesOf('redis', env)) {
    const [first, ...below] = path[0] === 'OPTIONS' && path.length > 1 ? path.slice(1) : path;
    if (!understood.test([first ?? '', ...below].join('_'))) continue;
    const read = readText(name, value);
    if (first === undefined) section = asMap(name, read);
    else if (first === 'OPTIONS') section = { ...asMap(name, read), tls: section.tls };
    else put(name, section, [first, ...below], read);
  }
  return section;
}

/**
 * What a registry of major version 2 (`addr`) or 3 (`addrs`, `username`, `tls`) makes of the section (handlers/app.go,
 * `configureRedis`). Throws ConfigurationError: no address, one that cannot be used, Sentinel, a cluster.
 */
export function redisSettings(section: RedisSection, major: number): RedisSettings {
  const addresses = major >= 3 ? list(section, 'addrs') : [text(section, 'addr')].filter((one) => one !== '');
  const [address] = addresses;
  const key = major >= 3 ? 'redis.addrs' : 'redis.addr';
  if (address === undefined) throw new ConfigurationError(`${key} is not set`);
  if (addresses.length > 1)
    throw new ConfigurationError(`${key} names several servers: a Redis cluster is not supported`);
  if (major >= 3 && text(section, 'mastername') !== '')
    throw new ConfigurationError('redis.mastername is set: Redis Sentinel is not supported');
  const at = parseRedisAddress(address);
  if (at === undefined || (major < 3 && 'path' in at)) {
    throw new ConfigurationError(`${key} is ${JSON.stringify(address)}, not HOST:PORT`);
  }
  return {
    address,
    at,
    username: major >= 3 ? text(section, 'username') || undefined : undefined,
    password: text(section, 'password') || undefined,
    db: databaseOf(text(section, 'db')),
    tls: major >= 3 ? tlsOf(asMap('redis.tls', section.tls)) : undefined,
  };
}

/** `host:port`, `[v6]:port`, `:port` as Go's `net.Dial` takes them, and a socket's path. Undefined: none of these. */
export function parseRedisAddress(address: string): RedisSettings['at'] | undefined {
  if (address.startsWith('/')) return { path: address };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port === 0 || port > 65_535) return undefined;
  return { host: match[1] ?? (match[2] || 'localhost'), port };
}

/** Go takes TLS for wanted when a certificate, its key or whom to trust is named; there is no switch. */
function tlsOf(section: RedisSection): RedisTls | undefined {
  const certificate = text(section, 'certificate') || undefined;
  const key = text(section, 'key') || undefined;
  const rootCas = list(section, 'rootcas');
  if (certificate === undefined && key === undefined && rootCas.length === 0) return undefined;
  // 3.0 calls them so, and does not use them for that. Who wrote them there trusts them.
  return { certificate, key, rootCas: [...rootCas, ...list(section, 'clientcas')] };
}

function databaseOf(written: string): number {
  const db = written === '' ? 0 : readYamlValue(written, 'typed');
  if (typeof db === 'number' && Number.isInteger(db) && db >= 0) return db;
  throw new ConfigurationError(`redis.db is ${JSON.stringify(written)}, not the number of a database`);
}

function text(section: RedisSection, key: string): string {
  const value = section[key];
  if (value === undefined || value === null || isNull(value)) return '';
  if (typeof value !== 'string') throw new ConfigurationError(`redis: ${key} is not a text`);
  return value;
}

function list(section: RedisSection, key: string): readonly string[] {
  const value = section[key];
  if (value === undefined || value === null || isNull(value)) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new ConfigurationError(`redis: ${key} is not a list of texts`);
}

function put(name: string, into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = '', ...below] = path;
  const key = first.toLowerCase();
  const [index] = below;
  if (index === undefined) {
    into[key] = value;
  } else if (/^\d+$/.test(index)) {
    const items = Array.isArray(into[key]) ? into[key] : [];
    if (Number(index) > items.length) throw new ConfigurationError(`${name} leaves a gap in the list`);
    items[Number(index)] = value;
    into[key] = items;
  } else {
    const map = asMap(name, into[key]);
    into[key] = map;
    put(name, map, below, value);
  }
}

function asMap(name: string, value: unknown): Record<string, unknown> {
  if (value === undefined || value === null || isNull(value)) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return { ...value };
  throw new ConfigurationError(`${name} is not a map`);
}

/** Read as texts, nothing at all is a text too. */
function isNull(value: unknown): boolean {
  return typeof value === 'string' && /^(?:|~|null|Null|NULL)$/.test(value);
}

function readText(name: string, value: string): unknown {
  try {
    return readYamlValue(value, 'text');
  } catch (thrown) {
    // Without what the parser says: it may quote the value, and that may be the password.
    if (thrown instanceof ConfigurationError) throw new ConfigurationError(`${name} is not valid YAML`);
    throw thrown;
  }
}
