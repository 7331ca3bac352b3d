import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { sameFile, sharesOurRoot, workingDirectoryOf } from './processes.ts';
import { configurationFileOf, describeProcess, type RegistryProcess } from './registry-processes.ts';

/** Where each image and package keeps the registry's configuration, by major version of the registry. */
const usualConfig: Readonly<Record<number, string>> = {
  2: '/etc/docker/registry/config.yml',
  3: '/etc/distribution/config.yml',
};

/**
 * Which config.yml to read when none is configured: the one that REGISTRY_CONFIGURATION_PATH names, as the registry
 * itself would; that of the only registry that runs; the usual one of this version.
 */
export async function chooseConfig(
  env: Readonly<Record<string, string | undefined>>,
  major: number,
  running: readonly RegistryProcess[],
): Promise<{ readonly path: string } | { readonly refusal: string }> {
  const named = env.REGISTRY_CONFIGURATION_PATH;
  if (named !== undefined && named !== '') return { path: named };
  const [only, ...others] = running.filter(
    ({ verb, config, run }) => verb === 'serve' && config !== undefined && run === undefined,
  );
  if (others.length > 0) {
    const names = [only, ...others]
      .flatMap((one) => (one === undefined ? [] : [describeProcess(one)]))
      .join(', ');
    return { refusal: `Several registries run here: ${names}. Say which with registry.config.` };
  }
  if (only?.config !== undefined) {
    return { path: resolve((await workingDirectoryOf(only.pid)) ?? '/', only.config) };
  }
  const usual = usualConfig[major];
  if (usual !== undefined && (await exists(usual))) return { path: usual };
  return {
    refusal: `${usual ?? 'config.yml'}: the registry's configuration is not there. Name it in registry.config.`,
  };
}

/** The processes that were started with this very config.yml, whatever they call it. */
export async function processesWith(
  config: string,
  running: readonly RegistryProcess[],
): Promise<readonly RegistryProcess[]> {
  const ours = await stat(config);
  const matches = await Promise.all(
    running.map(async (process) => {
      const theirs = process.verb === 'serve' ? await configurationFileOf(process) : undefined;
      return theirs !== undefined && sameFile(theirs, ours) && (await sharesOurRoot(process.pid));
    }),
  );
  return running.filter((_, index) => matches[index]);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw thrown;
  }
}
