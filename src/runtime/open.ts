import { engineAddress } from '../engine/address.ts';
import { CleanupError } from '../errors.ts';
import { ownContainerId } from '../own-container.ts';
import { label } from './docker/labels.ts';
import type { DockerRuntimeOptions } from './docker/options.ts';
import type { ProcessRuntimeOptions } from './process/options.ts';
import type { Runtime } from './runtime.ts';

export interface RuntimeOptions {
  readonly process: ProcessRuntimeOptions;
  readonly docker: DockerRuntimeOptions;
}

/** Opens a runtime; its code is loaded only then. */
export async function openRuntime(
  kind: 'auto' | 'process' | 'docker',
  options: RuntimeOptions,
): Promise<Runtime> {
  switch (kind === 'auto' ? await findOut(options) : kind) {
    case 'docker': {
      const { createDockerRuntime } = await import('./docker.ts');
      return createDockerRuntime(options.docker);
    }
    case 'process': {
      const { createProcessRuntime } = await import('./process.ts');
      return createProcessRuntime(options.process);
    }
  }
}

/**
 * What the configuration says of one of them decides. Otherwise: in a container that has an engine to talk to it is a
 * container; on a host it is one if an engine answers and a container has our label.
 */
async function findOut({ process, docker }: RuntimeOptions): Promise<'process' | 'docker'> {
  if (docker.container !== undefined) return 'docker';
  if (process.binary !== undefined || process.config !== undefined || !isUsual(process.live))
    return 'process';
  const address = engineAddress(docker.env);
  if (address === undefined) return 'process';
  const own = ownContainerId();
  const { openEngine } = await import('../docker.ts');
  const engine = await openEngine(address);
  try {
    if (own !== undefined && (await engine.inspect(own)) !== undefined) return 'docker';
    return (await engine.list([`${label.role}=live`])).length > 0 ? 'docker' : 'process';
  } catch (error) {
    if (!(error instanceof CleanupError)) throw error;
    // Whoever was given an engine's socket in a container meant it; the docker runtime tells what is wrong with it.
    return own === undefined ? 'process' : 'docker';
  } finally {
    await engine.close();
  }
}

/** The default of `registry.live`: nobody said so. */
function isUsual(live: ProcessRuntimeOptions['live']): boolean {
  return typeof live === 'object' && 'unit' in live && live.unit === 'docker-registry';
}
