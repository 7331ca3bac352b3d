import { resolve } from 'node:path';
import type { Findings } from '../findings.ts';
import { type Binary, findBinary } from './binary.ts';
import { dyingWithUs } from './collect.ts';
import { chooseConfig } from './live-process.ts';
import type { ProcessRuntimeOptions } from './options.ts';
import type { RegistryProcess } from './registry-processes.ts';

/** The registry binary, if it is one that we know. */
export async function usableBinary(
  options: ProcessRuntimeOptions,
  env: Readonly<Record<string, string>>,
  { refusals, warnings }: Findings,
): Promise<Binary | undefined> {
  const found = await findBinary(options.binary, env);
  if ('refusal' in found) {
    refusals.push(found.refusal);
    return undefined;
  }
  if (found.major !== 2 && found.major !== 3) {
    refusals.push(
      `${found.path} is registry ${found.version}. This version of the cleaner knows registry 2 and 3 only.`,
    );
  }
  if ((await dyingWithUs(env)).length === 0) {
    warnings.push(
      'There is no setpriv (util-linux) here: after kill -9 of the cleaner a collector runs until it writes its next line.',
    );
  }
  return found;
}

/** Absolute path of the registry's config.yml. */
export async function configPath(
  options: ProcessRuntimeOptions,
  env: Readonly<Record<string, string>>,
  binary: Binary | undefined,
  running: readonly RegistryProcess[],
  { refusals }: Findings,
): Promise<string | undefined> {
  if (options.config !== undefined) return resolve(options.config);
  const choice = await chooseConfig(env, binary?.major ?? 0, running);
  if ('path' in choice) return resolve(choice.path);
  refusals.push(choice.refusal);
  return undefined;
}
