import { problem } from '../errors.ts';

/** Where a registry is, and the addresses of its API. */
export interface RegistryAddress {
  /** For messages: without credentials. */
  readonly shown: string;
  readonly url: URL;
  /** `v2/` and `path` below the registry's prefix (`http.prefix` of its configuration, `/` mostly). */
  api(path: string, query?: Readonly<Record<string, string>>): URL;
  /**
   * A `Location` of this registry, at the address under which it was reached: `http.host`, or a proxy that
   * does not pass on its scheme, make it name another, and credentials must go nowhere else.
   */
  resolve(location: string, from: URL): URL;
}

/** Reads `registry.url`. A user name and password in it are left out: see `credentialsIn`. */
export function registryAddress(text: string): RegistryAddress {
  const url = parseHttpUrl(text);
  if (url === undefined) {
    throw problem('CONFIG_INVALID', {
      source: 'registry.url',
      problems: ['registry.url: must be an http:// or https:// address, such as http://127.0.0.1:5000'],
    });
  }
  url.username = '';
  url.password = '';
  url.search = '';
  url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';

  return {
    shown: url.href.replace(/\/$/, ''),
    url,
    api(path, query = {}) {
      const address = new URL(`${url.pathname}v2/${path}`, url);
      for (const [name, value] of Object.entries(query)) address.searchParams.append(name, value);
      return address;
    },
    resolve(location, from) {
      const named = parseHttpUrl(location, from);
      if (named === undefined) {
        throw problem('REGISTRY_GARBLED', {
          url: shownUrl(from),
          reason: 'its Location header is not an address',
        });
      }
      const here = new URL(url);
      here.pathname = named.pathname;
      here.search = named.search;
      return here;
    },
  };
}

/** The credentials in `http://user:password@host`, if there are any. */
export function credentialsIn(text: string): { username: string; password: string } | undefined {
  const url = parseHttpUrl(text);
  if (url === undefined || url.username === '') return undefined;
  return { username: decoded(url.username), password: decoded(url.password) };
}

/** `text`, which may be relative to `base`, as an address for HTTP; or undefined. */
export function parseHttpUrl(text: string, base?: URL): URL | undefined {
  const url = URL.parse(text, base?.href) ?? undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) ? url : undefined;
}

/** For messages: no credentials, and no query, since signatures and upload states are in there. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/**
 * A repository's name or a reference (tag, digest) for a path. What a path would take for a direction (`..`)
 * is a RangeError: it cannot be asked for.
 */
export function pathOf(name: string): string {
  return name
    .split('/')
    .map((component) => {
      if (component === '' || component === '.' || component === '..') {
        throw new RangeError(`Not a name that the registry's API can be asked for: ${JSON.stringify(name)}`);
      }
      return encodeURIComponent(component).replaceAll('%3A', ':');
    })
    .join('/');
}

/** A stray `%` in a password that was not encoded is taken as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
