import { overriddenText, overrideSections, overridesOf, type Sections } from './configuration-environment.ts';
import { ConfigurationError, readYaml, readYamlValue, type Values } from './configuration-yaml.ts';
import { type RedisSection, redisSection } from './redis-settings.ts';

/** What a registry does with its config.yml and its environment, as far as it concerns us. */
export interface RegistryConfiguration {
  /** The key below `storage` that names the driver: `filesystem`, `s3`, … */
  readonly driver: string;
  /** `rootdirectory` as written: it may be relative to the registry's working directory. Filesystem only. */
  readonly rootDirectory: string;
  readonly http: HttpConfiguration;
  readonly auth: 'none' | 'htpasswd' | 'token' | 'other';
  /** Where `storage.cache` keeps descriptors. `other`: a kind that the registry does not know, so none. */
  readonly cache: 'none' | 'inmemory' | 'redis' | 'other';
  /** What `redisSettings` understands, if the cache is in Redis. Holds a password. */
  readonly redis: RedisSection;
  /** `proxy.remoteurl`: set for a pull-through cache. */
  readonly proxy: string | undefined;
  /** `storage.maintenance.readonly.enabled`. */
  readonly readOnly: boolean;
  /** The whole `storage` section with the environment applied. */
  readonly storage: Sections;
}

interface HttpConfiguration {
  /** `host:port` as Go's `net.Listen` takes it. Empty: a port that the system chooses. */
  readonly addr: string;
  /** `tcp` or `unix`. */
  readonly net: string;
  readonly prefix: string;
  /** Milliseconds that a stopping registry waits for requests in flight. */
  readonly drainMs: number;
  readonly tls: boolean;
}

/** Keys below `storage` that are not a driver (configuration.go, `Storage.Type`). */
const notDrivers = new Set(['maintenance', 'cache', 'delete', 'redirect', 'tag']);

/** The driver's own default (filesystem/driver.go). */
const defaultRoot = '/var/lib/registry';

/**
 * The effective configuration of a registry that is started with this config.yml and this environment. Throws
 * ConfigurationError for what the registry would not start with.
 */
export function parseConfiguration(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): RegistryConfiguration {
  const { values, texts } = readYaml(text);
  if (texts.version !== '0.1')
    throw new ConfigurationError(`version is ${JSON.stringify(texts.version)}, not 0.1`);
  const storage = overrideSections('storage', values.storage, env);
  const drivers = Object.keys(storage).filter((key) => !notDrivers.has(key));
  const [driver] = drivers;
  if (driver === undefined || driver === '') throw new ConfigurationError('storage names no driver');
  if (drivers.length > 1) {
    throw new ConfigurationError(`storage names ${drivers.length} drivers (${drivers.join(', ')}), not one`);
  }
  return {
    driver,
    rootDirectory: driver === 'filesystem' ? rootOf(storage.filesystem ?? {}) : '',
    http: httpOf(texts.http, env),
    auth: authOf(overrideSections('auth', values.auth, env)),
    cache: cacheOf(storage.cache ?? {}),
    redis: redisSection(texts.redis, env),
    proxy: textOf('proxy', texts.proxy, ['remoteurl'], env) || undefined,
    readOnly: isMap(storage.maintenance?.readonly) && storage.maintenance.readonly.enabled === true,
    storage,
  };
}

function rootOf(parameters: Values): string {
  if (!('rootdirectory' in parameters)) return defaultRoot;
  const root = parameters.rootdirectory;
  if (root === null || root === '') throw new ConfigurationError('storage.filesystem.rootdirectory is empty');
  return String(root);
}

function httpOf(fromYaml: unknown, env: Readonly<Record<string, string | undefined>>): HttpConfiguration {
  const text = (...path: string[]) => textOf('http', fromYaml, path, env);
  return {
    addr: text('addr'),
    net: text('net') || 'tcp',
    prefix: text('prefix'),
    drainMs: milliseconds('http.draintimeout', text('draintimeout')),
    tls: text('tls', 'certificate') !== '' || text('tls', 'letsencrypt', 'cachefile') !== '',
  };
}

/** A text below a typed section, where a variable may replace the text itself or any map above it. */
function textOf(
  section: string,
  fromYaml: unknown,
  path: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string {
  let text = at(fromYaml, path);
  for (const override of overridesOf(section, env)) {
    const depth = override.path.length;
    if (!override.path.every((part, index) => part === path[index]?.toUpperCase())) continue;
    if (depth === path.length) text = overriddenText(override.name, override.value);
    else text = at(readYamlValue(override.value, 'text'), path.slice(depth));
  }
  if (text === undefined || text === null) return '';
  if (typeof text !== 'string') throw new ConfigurationError(`${[section, ...path].join('.')} is not a text`);
  return text;
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((found, key) => (isMap(found) ? found[key] : undefined), value);
}

function authOf(sections: Sections): RegistryConfiguration['auth'] {
  const kinds = Object.keys(sections);
  const [kind = 'none'] = kinds;
  if (kinds.length > 1)
    throw new ConfigurationError(`auth names ${kinds.length} kinds (${kinds.join(', ')}), not one`);
  if (kind.toLowerCase() === 'none') return 'none';
  return kind === 'htpasswd' || kind === 'token' ? kind : 'other';
}

function cacheOf(parameters: Values): RegistryConfiguration['cache'] {
  // `layerinfo` is the older name (handlers/app.go).
  const kind = 'blobdescriptor' in parameters ? parameters.blobdescriptor : parameters.layerinfo;
  if (kind === undefined || kind === null || kind === '') return 'none';
  return kind === 'inmemory' || kind === 'redis' ? kind : 'other';
}

/** A Go duration (`1m30s`, `500ms`), or a plain number of nanoseconds. Milliseconds. */
function milliseconds(name: string, text: string): number {
  if (/^\d*$/.test(text)) return Number(text) / 1e6;
  const units: Readonly<Record<string, number>> = {
    ns: 1e-6,
    us: 1e-3,
    µs: 1e-3,
    ms: 1,
    s: 1e3,
    m: 6e4,
    h: 36e5,
  };
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.map(([part]) => part).join('') !== text.replace(/^[+-]/, '')) {
    throw new ConfigurationError(`${name} is ${JSON.stringify(text)}, not a duration`);
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0), 0);
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
