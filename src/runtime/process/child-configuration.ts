import type { ExecOptions } from '../../exec.ts';
import { readonlyConfiguration, withoutStorage } from '../../registry/configuration-readonly.ts';
import type { Ground } from './ground.ts';
import { makeWorkplace } from './workplace.ts';

/**
 * Writes the config.yml of a stand-in or collector into `directory` and says how to start it. Both get the same one:
 * the registry's own, read-only, over the very directory that was looked at.
 */
export async function prepareChild(
  ground: Ground,
  directory: string,
): Promise<{ readonly config: string } & ExecOptions> {
  const text = readonlyConfiguration(ground.text, ground.configuration, ground.root.path);
  const config = await makeWorkplace(
    directory,
    `# Made by registry-cleanup; it removes this when it is done.\n${text}`,
  );
  return { config, cwd: ground.cwd, env: withoutStorage(ground.environment) };
}
