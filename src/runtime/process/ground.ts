import type { Stats } from 'node:fs';
import type { RegistryConfiguration } from '../../registry/configuration.ts';
import type { Address } from './address.ts';
import type { Binary } from './binary.ts';
import type { Listener } from './listeners.ts';
import type { ProcessRuntimeOptions } from './options.ts';
import { argumentsOf } from './processes.ts';
import {
  describeProcess,
  type RegistryProcess,
  registryProcesses,
  sharesStorage,
} from './registry-processes.ts';
import { runOfArgument } from './workplace.ts';

/** What `inspect` found out, and fence and collector stand on. Only complete where it found nothing to refuse. */
export interface Ground {
  readonly options: ProcessRuntimeOptions;
  readonly binary: Binary;
  /** The registry's own config.yml, as it was read. */
  readonly text: string;
  /** Its path, absolute. */
  readonly config: string;
  readonly configuration: RegistryConfiguration;
  readonly root: { readonly path: string; readonly stats: Stats };
  readonly address: Address;
  /** How we reach whoever listens on `address`. */
  readonly url: string;
  /** For the children: what the live registry had. */
  readonly environment: Readonly<Record<string, string>>;
  /** For the start and stop commands. */
  readonly commandEnvironment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The live registry; none when it does not run. */
  readonly writers: readonly RegistryProcess[];
}

/**
 * Whoever is among `listeners`, those on the address, or works on the storage, and is no child of run `runId`. Undefined:
 * nobody.
 */
export async function findIntruder(
  ground: Ground,
  runId: string,
  listeners: readonly Listener[],
): Promise<string | undefined> {
  return findForeignListener(runId, listeners) ?? (await findForeignRegistry(ground, runId));
}

function findForeignListener(runId: string, listeners: readonly Listener[]): string | undefined {
  for (const { owners, ip, port } of listeners) {
    if (owners.length === 0) return `a process that this user cannot see listens on ${ip}:${port}`;
    for (const { pid } of owners) {
      const argv = argumentsOf(pid);
      if (argv !== undefined && !isChildOf(runId, argv))
        return `${describeProcess({ argv, pid })} listens on port ${port}`;
    }
  }
  return undefined;
}

/** Whoever works on the storage and is no child of run `runId`. */
export async function findForeignRegistry(ground: Ground, runId: string): Promise<string | undefined> {
  for (const process of await registryProcesses(ground.binary.stats)) {
    if (isChildOf(runId, process.argv)) continue;
    const { storage, reason } = await sharesStorage(process, ground.root.stats);
    if (storage === 'same') return `${describeProcess(process)} works on ${ground.root.path}`;
    if (storage === 'unknown')
      return `${describeProcess(process)} may work on ${ground.root.path}: ${reason}`;
  }
  return undefined;
}

function isChildOf(runId: string, argv: readonly string[]): boolean {
  return argv.some((word) => runOfArgument(word) === runId);
}
