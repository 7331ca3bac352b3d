import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Report } from '../../support/program.ts';
import { inspected } from './docker.ts';
import { image, type RegistryContainer, type Scene, socket } from './scene.ts';

/**
 * A Compose project with the services `registry`, which nobody reaches but by that name, and `cleanup`, which is told
 * nothing but what may go.
 */
export interface AliasProject extends AsyncDisposable {
  /** Starts it; once it answers. */
  registry(): Promise<RegistryContainer>;
  /** `docker-compose run --rm cleanup …`, which must end well, and the document that it prints. */
  cleanup(...args: readonly string[]): Promise<Report>;
}

export function aliasProject(scene: Scene): AliasProject {
  const source = process.env.E2E_SOURCE;
  const data = 'data:/var/lib/registry';
  const mounts = [data, `${socket}:/var/run/docker.sock`];
  const cleanup = {
    image,
    environment: { CLEANUP_UNTAGGED_KEEP_WITHIN: '0s' },
    ...(source === undefined
      ? { volumes: mounts }
      : { volumes: [...mounts, `${source}:/source:ro`], entrypoint: ['node', '/source/src/cli.ts'] }),
  };
  const registry = { image: 'registry:2', volumes: [data], restart: 'unless-stopped' };
  const project = { version: '3.8', services: { registry, cleanup }, volumes: { data: {} } };
  const file = scene.write('docker-compose.yml', JSON.stringify(project));

  async function compose(...args: readonly string[]): Promise<string> {
    const all = ['-p', scene.id, '-f', file, ...args];
    return (await promisify(execFile)('docker-compose', all, { timeout: 120_000 })).stdout.trim();
  }
  return {
    async registry() {
      await compose('up', '-d', 'registry');
      const id = await compose('ps', '-q', 'registry');
      const found = await inspected(id);
      const url = await scene.urlOf(id);
      return { id, name: found?.Name.slice(1) ?? '', root: found?.Mounts[0]?.Source ?? '', url };
    },
    async cleanup(...args) {
      return JSON.parse(await compose('run', '--rm', '-T', 'cleanup', ...args)) as Report;
    },
    async [Symbol.asyncDispose]() {
      await compose('down', '-v', '--remove-orphans');
    },
  };
}
