import { readFile, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { reasonOf } from '../../errors.ts';
import { parseConfiguration, type RegistryConfiguration } from '../../registry/configuration.ts';
import { ConfigurationError } from '../../registry/configuration-yaml.ts';
import type { Findings } from './findings.ts';
import type { Ground } from './ground.ts';
import type { ProcessRuntimeOptions } from './options.ts';

/** Reads the registry's config.yml. Undefined, and a refusal: it cannot be read. */
export async function readConfigText(path: string, { refusals }: Findings): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    refusals.push(
      `${path}: the registry's configuration cannot be read (${reasonOf(thrown)}). Check registry.config.`,
    );
    return undefined;
  }
}

/** What it says together with `env`. Undefined, and a refusal: the registry itself would not start with it. */
export function understand(
  path: string,
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  { refusals }: Findings,
): RegistryConfiguration | undefined {
  try {
    return parseConfiguration(text, env);
  } catch (thrown) {
    if (!(thrown instanceof ConfigurationError)) throw thrown;
    refusals.push(`${path}: this is no valid configuration of a registry: ${thrown.message}. Mend it first.`);
    return undefined;
  }
}

/** Refuses what this version cannot do, and warns of what a person may not expect. */
export function judgeConfiguration(
  path: string,
  configuration: RegistryConfiguration,
  options: Pick<ProcessRuntimeOptions, 'standIn' | 'hasAuth' | 'stopTimeoutMs'>,
  { refusals, warnings }: Findings,
): void {
  const { driver, http, auth, cache, readOnly } = configuration;
  if (driver !== 'filesystem') {
    refusals.push(`${path}: the storage driver is ${driver}. This version cleans filesystem storage only.`);
  }
  if (http.net !== 'tcp') {
    refusals.push(
      `${path}: http.net is ${http.net}, which is not supported yet. Let the registry listen on TCP.`,
    );
  }
  if (cache === 'redis') {
    refusals.push(
      `${path}: descriptors are cached in Redis (storage.cache), which is not supported yet: they would have to be ` +
        'flushed after cleaning. Set storage.cache.blobdescriptor to inmemory.',
    );
  }
  if (auth !== 'none' && options.standIn && !options.hasAuth) {
    refusals.push(
      `${path}: the registry asks for credentials (auth.${auth}), and without them nobody can prove that the stand-in ` +
        'is read-only: 401 comes first. Set registry.auth, or use --no-readonly-instance.',
    );
  }
  if (readOnly) {
    warnings.push(
      `${path}: the live registry is configured read-only already (storage.maintenance.readonly).`,
    );
  }
  if (http.drainMs > options.stopTimeoutMs) {
    warnings.push(
      `${path}: a stopping registry may finish uploads for ${http.drainMs / 1000} s (http.draintimeout), but ` +
        `registry.stopTimeout is only ${options.stopTimeoutMs / 1000} s: a run during a long upload would fail.`,
    );
  }
}

/** Where the data is: `rootdirectory` as the registry resolves it. Undefined, and a refusal: there is no such directory. */
export async function findRoot(
  configuration: RegistryConfiguration,
  cwd: string,
  { refusals }: Findings,
): Promise<Ground['root'] | undefined> {
  const written = resolve(cwd, configuration.rootDirectory);
  try {
    const path = await realpath(written);
    const stats = await stat(path);
    if (stats.isDirectory()) return { path, stats };
    refusals.push(`${path}: the registry's rootdirectory is not a directory. Check its configuration.`);
  } catch (thrown) {
    refusals.push(
      `${written}: the registry's rootdirectory cannot be opened (${reasonOf(thrown)}). Check that its disk is mounted.`,
    );
  }
  return undefined;
}
