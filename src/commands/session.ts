import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { collectorOf } from '../config/collector.ts';
import { foreignToRegistry } from '../config/environment.ts';
import type { Config } from '../config/schema.ts';
import { fail } from '../errors.ts';
import type { Policy } from '../plan/plan.ts';
import { type Client, createClient } from '../registry/client.ts';
import { openRuntime } from '../runtime/open.ts';
import type { Reach, RegistryState, Runtime } from '../runtime/runtime.ts';
import { openState, openStorage } from '../storage/open.ts';
import type { State, Storage } from '../storage/storage.ts';

/** Where our own files live: beside the data they guard, outside what the registry reads. */
const stateDirectory = '.registry-cleanup';

/** The runtime that `config` describes. `writes`: whether anything is going to be changed. */
export function openConfiguredRuntime(
  config: Config,
  env: NodeJS.ProcessEnv,
  options: { readonly writes: boolean },
): Promise<Runtime> {
  const { registry } = config;
  const both = {
    url: registry.url,
    hasAuth: registry.auth.username !== undefined,
    standIn: config.readonlyInstance,
    startTimeoutMs: registry.startTimeout.ms,
    env,
  };
  return openRuntime(registry.runtime, {
    process: {
      ...both,
      binary: registry.binary,
      config: registry.config,
      live: registry.live,
      stopTimeoutMs: registry.stopTimeout.ms,
      dropEnv: foreignToRegistry(env),
    },
    docker: { ...both, container: registry.container, writes: options.writes },
  });
}

/** The storage that the registry uses; `readOnly`: nothing can be removed through it. */
export function openRegistryStorage(state: RegistryState, readOnly: boolean): Promise<Storage> {
  return openStorage({ driver: state.driver, root: state.root, readOnly });
}

/** The state directory of that storage. */
export function openRunState(config: Config, state: RegistryState): Promise<State> {
  return openState(config.state.directory ?? join(state.root, stateDirectory));
}

/**
 * Where lock, journal and records are, for whoever changes nothing in the storage. What speaks against a run here does
 * not speak against that: only the storage must be found, and not even that where the state has a directory of its own.
 */
export async function findRunState(config: Config, runtime: Runtime, signal: AbortSignal): Promise<State> {
  if (config.state.directory !== undefined) return openState(config.state.directory);
  const found = await runtime.inspect(signal);
  return found.root === '' ? fail('REFUSED', { reasons: found.refusals }) : openRunState(config, found);
}

/** A client with the configured credentials. */
export function openClient(config: Config, reach: Reach, signal?: AbortSignal): Client {
  const { auth, tls } = config.registry;
  const { username, password } = auth;
  return createClient({
    ...reach,
    auth: username === undefined || password === undefined ? undefined : { username, password },
    tls,
    signal,
  });
}

/** The user's wishes, with the storage's clock, for a registry of the major version. */
export function policyOf(config: Config, now: number, major: number): Policy {
  return {
    now,
    untaggedKeepWithin: config.untagged.keepWithin.ms,
    protect: new Set(config.untagged.protect),
    uploadsKeepWithin: config.uploads.keepWithin.ms,
    removeEmptyRepositories: config.repositories.removeEmpty,
    collectorTakesLinks: major >= 3,
    collector: collectorOf(config),
    damage: config.damage,
  };
}

/** Sorts by time, and is told apart from every other: `20261120T191500-5f3a9c1e`. */
export function newRunId(): string {
  const time = new Date().toISOString().replace(/[-:]/g, '').slice(0, 15);
  return `${time}-${randomBytes(4).toString('hex')}`;
}
