import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { reasonOf } from '../../errors.ts';
import { pause } from '../../pause.ts';
import { parseConfiguration, type RegistryConfiguration } from '../../registry/configuration.ts';
import { readConfigurationFile } from '../../registry/configuration-file.ts';
import { ConfigurationError } from '../../registry/configuration-yaml.ts';
import {
  argumentsOf,
  asSeenBy,
  environmentOf,
  executableOf,
  isAlive,
  isForbidden,
  orGone,
  type ProcessIdentity,
  pids,
  sameFile,
  statusOf,
} from './processes.ts';
import { runOfArgument } from './workplace.ts';

type FileIdentity = Pick<Stats, 'dev' | 'ino'>;

/** How often a process is looked at before it counts that nothing can be told of it. */
const looks = 5;

/** What packages call the binary. */
const names = new Set(['registry', 'docker-registry', 'distribution']);

/** A process that serves or collects a registry's storage. */
export interface RegistryProcess extends ProcessIdentity {
  readonly verb: 'serve' | 'garbage-collect';
  readonly argv: readonly string[];
  /** Its config.yml, as it names it: maybe relative to its working directory. Undefined: hidden from us. */
  readonly config: string | undefined;
  /** The run of ours that started it, if one did. */
  readonly run: string | undefined;
  /** Undefined: hidden from us. */
  readonly environment: Readonly<Record<string, string>> | undefined;
}

/** Every registry process that can be seen. `like`: one that runs this file is a registry, whatever it is called. */
export async function registryProcesses(like: FileIdentity | undefined): Promise<readonly RegistryProcess[]> {
  const found = await Promise.all((await pids()).map((pid) => recognise(pid, like)));
  return found.filter((process) => process !== undefined);
}

/** For people: `docker-registry serve /etc/docker/registry/config.yml (pid 12)`. */
export function describeProcess({ argv, pid }: Pick<RegistryProcess, 'argv' | 'pid'>): string {
  const line = argv.join(' ');
  return `${line.length > 200 ? `${line.slice(0, 200)}…` : line} (pid ${pid})`;
}

/** `unknown`: it may be; `reason` says why that cannot be told. */
export interface Sharing {
  readonly storage: 'same' | 'other' | 'unknown';
  readonly reason?: string;
}

/**
 * Whether a registry process works on the directory `root`, whatever name it has for it. A process that is just ending
 * can be seen but no longer looked into, so what cannot be told is asked a few times before it counts.
 */
export async function sharesStorage(process: RegistryProcess, root: FileIdentity): Promise<Sharing> {
  for (let look = 1; ; look += 1) {
    const environment = process.environment ?? (await visibleEnvironment(process.pid));
    const sharing = await compareStorage({ ...process, environment }, root);
    if (sharing.storage !== 'unknown') return sharing;
    // A stand-in cannot write, so one whose configuration was cleaned away (as from /tmp) need stop nobody.
    if (process.run !== undefined && process.verb === 'serve') return { storage: 'other' };
    if (!(await isAlive(process))) return { storage: 'other' };
    if (look === looks) return sharing;
    await pause(50);
  }
}

/** The configuration file of a process, as found through its own root and working directory. */
export async function configurationFileOf(process: RegistryProcess): Promise<Stats | undefined> {
  if (process.config === undefined) return undefined;
  try {
    return await orGone(stat(asSeenBy(process.pid, process.config)));
  } catch (thrown) {
    if (isForbidden(thrown)) return undefined;
    throw thrown;
  }
}

async function compareStorage(process: RegistryProcess, root: FileIdentity): Promise<Sharing> {
  const { pid, environment } = process;
  const config = process.config ?? environment?.REGISTRY_CONFIGURATION_PATH;
  if (environment === undefined)
    return { storage: 'unknown', reason: 'its environment is hidden from this user' };
  if (config === undefined) return { storage: 'unknown', reason: 'it names no configuration' };
  let configuration: RegistryConfiguration;
  try {
    configuration = parseConfiguration(await readConfigurationFile(asSeenBy(pid, config)), environment);
  } catch (thrown) {
    const what = thrown instanceof ConfigurationError ? 'is not valid' : 'cannot be read';
    return { storage: 'unknown', reason: `its configuration ${config} ${what}: ${reasonOf(thrown)}` };
  }
  if (configuration.driver !== 'filesystem') return { storage: 'other' };
  try {
    const theirs = await orGone(stat(asSeenBy(pid, configuration.rootDirectory)));
    return { storage: theirs !== undefined && sameFile(theirs, root) ? 'same' : 'other' };
  } catch (thrown) {
    return {
      storage: 'unknown',
      reason: `${configuration.rootDirectory} cannot be looked at: ${reasonOf(thrown)}`,
    };
  }
}

async function recognise(pid: number, like: FileIdentity | undefined): Promise<RegistryProcess | undefined> {
  // cmdline is open to everybody (unless /proc is mounted with hidepid), so most processes end here.
  const argv = argumentsOf(pid);
  const [program, ...rest] = argv ?? [];
  if (argv === undefined || program === undefined) return undefined;
  const words = rest.filter((word) => !word.startsWith('-'));
  const verb = words[0];
  if (verb !== 'serve' && verb !== 'garbage-collect') return undefined;
  const executable = await executableOf(pid);
  const environment = await visibleEnvironment(pid);
  const config = words[1] ?? environment?.REGISTRY_CONFIGURATION_PATH;
  const isRegistry =
    [program, executable?.path].some((path) => path !== undefined && names.has(basename(path))) ||
    (like !== undefined && executable !== undefined && sameFile(executable.stats, like)) ||
    (config !== undefined && (await readsAsRegistry(asSeenBy(pid, config), environment ?? {})));
  const status = isRegistry ? await statusOf(pid) : undefined;
  if (status === undefined) return undefined;
  const run = argv.map(runOfArgument).find((id) => id !== undefined);
  return { pid, startTicks: status.startTicks, verb, argv, config, run, environment };
}

/** Many programs have a `serve`. One that is not called a registry is one if its configuration is a registry's. */
async function readsAsRegistry(
  path: string,
  environment: Readonly<Record<string, string>>,
): Promise<boolean> {
  try {
    parseConfiguration(await readConfigurationFile(path), environment);
    return true;
  } catch {
    // Not a file, not ours to read, not a registry's: nothing speaks for it.
    return false;
  }
}

async function visibleEnvironment(pid: number): Promise<Record<string, string> | undefined> {
  try {
    return await environmentOf(pid);
  } catch (thrown) {
    if (isForbidden(thrown)) return undefined;
    throw thrown;
  }
}
