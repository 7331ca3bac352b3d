import { readFile, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { reasonOf } from '../../errors.ts';
import type { RegistryConfiguration } from '../../registry/configuration.ts';
import type { Findings } from '../findings.ts';
import type { Ground } from './ground.ts';

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
