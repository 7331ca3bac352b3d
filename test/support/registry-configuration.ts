export interface Wanted {
  readonly root: string;
  readonly port: number;
  /** The password file, if users must log in. */
  readonly htpasswd?: string | undefined;
  readonly drainTimeout?: string | undefined;
  /** Laid over the rest, key by key; a key of null is left out. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}

/** The registry's config.yml, as a plain value. */
export function configuration(wanted: Wanted): Record<string, unknown> {
  const base = {
    version: 0.1,
    log: { level: 'info' },
    storage: {
      filesystem: { rootdirectory: wanted.root },
      // As in Debian's and both official images' configuration: stale after a collection, so it belongs here.
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
    },
    http: {
      addr: `127.0.0.1:${wanted.port}`,
      ...(wanted.drainTimeout === undefined ? {} : { draintimeout: wanted.drainTimeout }),
    },
    // Without it, layers that carry URLs are refused.
    validation: { manifests: { urls: { allow: ['^https?://'] } } },
    ...(wanted.htpasswd === undefined
      ? {}
      : { auth: { htpasswd: { realm: 'test', path: wanted.htpasswd } } }),
  };
  return laidOver(base, wanted.config ?? {});
}

function laidOver(
  base: Record<string, unknown>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    if (value === null) delete merged[key];
    else if (isRecord(value) && isRecord(below)) merged[key] = laidOver(below, value);
    else merged[key] = value;
  }
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
