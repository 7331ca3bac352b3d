import { isMap } from 'yaml';
import type { RegistryConfiguration } from './configuration.ts';
import { ConfigurationError, readYaml } from './configuration-yaml.ts';

/**
 * The config.yml of a registry that serves the same data as `text` and writes nothing: read-only, no purging of
 * uploads (its timer runs in a read-only registry too), no deletion, no descriptor cache (it would outlive what the
 * collector removes). Everything else stays as it is written, unknown keys included.
 *
 * `storage` is written out whole, with the environment applied, because variables could undo each of these settings:
 * start it with `withoutStorage(env)`. `root` takes the place of `rootdirectory`, so that stand-in and collector work
 * on the very directory that was looked at.
 */
export function readonlyConfiguration(
  text: string,
  configuration: RegistryConfiguration,
  root: string,
): string {
  const { document } = readYaml(text);
  const contents = document.contents;
  if (!isMap(contents)) throw new ConfigurationError('it is not a map of settings');
  const { cache: _cache, delete: _delete, ...kept } = configuration.storage;
  const storage = {
    ...kept,
    filesystem: { ...kept.filesystem, rootdirectory: root },
    maintenance: {
      ...kept.maintenance,
      readonly: { enabled: true },
      uploadpurging: { enabled: false },
    },
  };
  contents.flow = false;
  contents.delete('storage');
  // JSON is YAML, and leaves no doubt about what is a text and what is not.
  return `${document.toString({ lineWidth: 0 })}\nstorage: ${JSON.stringify(storage)}\n`;
}

/** The environment to go with `readonlyConfiguration`: without what would override its `storage`. */
export function withoutStorage<T>(env: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^REGISTRY_STORAGE(_|$)/.test(name)));
}
