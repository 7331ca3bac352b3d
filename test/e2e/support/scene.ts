import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ended, Report } from '../../support/program.ts';

export { freePort } from '../../support/registry.ts';

import { docker, type Inspection, inspected } from './docker.ts';

/** The image that scripts/test builds from compose/Dockerfile. */
export const image = process.env.REGISTRY_CLEANUP_IMAGE ?? 'registry-cleanup:e2e';

/** A directory with the source, mounted into the image instead of what was built into it: for working on it. */
const source = process.env.E2E_SOURCE;

export const socket = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');

export interface RegistryContainer {
  readonly name: string;
  readonly id: string;
  /** Where it is reached from the engine's host. */
  readonly url: string;
  /** The driver's root on the engine's host. */
  readonly root: string;
}

export interface RegistryContainerOptions {
  /** `docker run` flags beside the usual ones. */
  readonly flags?: readonly string[];
  readonly image?: string;
  /** Arguments after the image. */
  readonly command?: readonly string[];
  readonly name?: string;
  /** `volume` (default), or a directory of the host. */
  readonly storage?: 'volume' | 'bind';
  /** Text of a config.yml, mounted read-only where the image has its own. */
  readonly config?: string;
  /** Instead of the scene's own network under the alias `registry`. */
  readonly network?: readonly string[];
}

export interface CleanerOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What is mounted on /var/lib/registry; false: nothing. Default: what the registry has there. */
  readonly storage?: string | false;
  /** The engine's socket on its host; false: none is mounted. Default: that of the engine that the tests use. */
  readonly socket?: string | false;
  readonly network?: string;
  /** Its container stays when it has ended, as that of a service does. */
  readonly stays?: boolean;
  readonly onSpawn?: (container: string, child: ReturnType<typeof spawn>) => void;
}

/** What `docker run` says first where the machine forwards nothing: the engine's networks need not lead anywhere here. */
const engineSays = /^WARNING: IPv4 forwarding is disabled\. .*\n/;

/** Networks, volumes, containers and directories of one test; all of them are gone when it ends. */
export class Scene implements AsyncDisposable {
  readonly id = `rc-e2e-${randomBytes(4).toString('hex')}`;
  readonly network = this.id;
  readonly directory = mkdtempSync(join(tmpdir(), `${this.id}-`));
  readonly #volumes: string[] = [];
  readonly #networks: string[] = [];
  #count = 0;

  static async open(): Promise<Scene> {
    const scene = new Scene();
    await scene.addNetwork(scene.network);
    return scene;
  }

  async addNetwork(name: string, ...flags: readonly string[]): Promise<void> {
    await docker('network', 'create', ...flags, name);
    this.#networks.push(name);
  }

  async addVolume(name = `${this.id}-${++this.#count}`): Promise<string> {
    await docker('volume', 'create', name);
    this.#volumes.push(name);
    return name;
  }

  /** Starts a container that goes when the scene ends. Returns its id. */
  async run(name: string, ...rest: readonly string[]): Promise<string> {
    return docker('run', '-d', '--name', name, '--label', `registry-cleanup.test=${this.id}`, ...rest);
  }

  /** A live registry, once it answers. */
  async registry(options: RegistryContainerOptions = {}): Promise<RegistryContainer> {
    const name = options.name ?? `${this.id}-registry${this.#count++ === 0 ? '' : this.#count}`;
    const storage = options.storage === 'bind' ? this.makeDirectory('storage') : await this.addVolume();
    const config =
      options.config === undefined
        ? []
        : ['-v', `${this.write('config.yml', options.config)}:/etc/docker/registry/config.yml:ro`];
    const id = await this.run(
      name,
      ...(options.network ?? ['--network', this.network, '--network-alias', 'registry']),
      ...config,
      '-v',
      `${storage}:/var/lib/registry`,
      ...(options.flags ?? []),
      options.image ?? 'registry:2',
      ...(options.command ?? []),
    );
    const found = await inspected(id);
    const root = found?.Mounts.find(({ Destination }) => Destination === '/var/lib/registry')?.Source ?? '';
    const url = await this.urlOf(id);
    return { name, id, url, root };
  }

  /** Where the registry in a container is reached from here; waits until it answers. */
  async urlOf(container: string): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const found = await inspected(container);
      const [network] = Object.values(found?.NetworkSettings.Networks ?? {});
      const host = found?.HostConfig.NetworkMode === 'host' ? '127.0.0.1' : (network?.IPAddress ?? '');
      const url = `http://${host}:${portOf(found) ?? 5000}`;
      if (host !== '' && (await answers(url))) return url;
      if (attempt === 100)
        throw new Error(`${container} does not answer at ${url}: ${await docker('logs', container)}`);
      await sleep(100);
    }
  }

  /** Runs the cleaner as a container, as Compose would. */
  async cleaner(
    registry: Pick<RegistryContainer, 'name' | 'root'>,
    args: readonly string[],
    options: CleanerOptions = {},
  ): Promise<Ended> {
    const name = `${this.id}-cleaner${++this.#count}`;
    const env = {
      CLEANUP_UNTAGGED_KEEP_WITHIN: '0s',
      CLEANUP_REGISTRY_CONTAINER: registry.name,
      ...options.env,
    };
    const program =
      source === undefined
        ? [image]
        : ['-v', `${source}:/source:ro`, '--entrypoint', 'node', image, '/source/src/cli.ts'];
    return this.attached(
      name,
      [
        ...(options.stays === true ? [] : ['--rm']),
        '--init',
        '--network',
        options.network ?? this.network,
        ...mounted(options.socket ?? socket, '/var/run/docker.sock'),
        ...mounted(options.storage ?? registry.root, '/var/lib/registry'),
        ...Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`]),
        ...(options.flags ?? []),
        ...program,
        ...args,
      ],
      options.onSpawn,
    );
  }

  /** `run --json`, and its document. */
  async clean(
    registry: Pick<RegistryContainer, 'name' | 'root'>,
    args: readonly string[] = [],
    options: CleanerOptions = {},
  ): Promise<Ended & { readonly report: Report }> {
    const ended = await this.cleaner(registry, ['run', '--json', ...args], options);
    try {
      return { ...ended, report: JSON.parse(ended.stdout) as Report };
    } catch {
      throw new Error(`no document (exit ${ended.exitCode}): ${ended.stdout}\n${ended.stderr}`);
    }
  }

  /** `docker run` in the foreground. */
  attached(name: string, args: readonly string[], onSpawn?: CleanerOptions['onSpawn']): Promise<Ended> {
    const flags = ['--name', name, '--label', `registry-cleanup.test=${this.id}`];
    const child = spawn('docker', ['run', ...flags, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    onSpawn?.(name, child);
    return new Promise((done, failed) => {
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.on('error', failed);
      child.on('close', (exitCode) => done({ exitCode, stdout, stderr: stderr.replace(engineSays, '') }));
    });
  }

  /** A directory of the host that goes when the scene ends. Returns its path. */
  makeDirectory(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** A file of the host that goes when the scene ends. Returns its path. */
  write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ours = [
      `label=registry-cleanup.test=${this.id}`,
      // What a run left behind has not our label, and would keep what is ours in use.
      ...[...this.#volumes, join(this.directory, 'storage')].map((storage) => `volume=${storage}`),
    ];
    const listed = await Promise.all(ours.map((filter) => docker('ps', '-aq', '--filter', filter)));
    const ids = [...new Set(listed.flatMap((text) => text.split('\n')))].filter((id) => id !== '');
    if (ids.length > 0) await docker('rm', '-f', '-v', ...ids);
    for (const name of this.#networks) await docker('network', 'rm', name);
    for (const name of this.#volumes) await docker('volume', 'rm', '-f', name);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function mounted(source: string | false, destination: string): readonly string[] {
  return source === false ? [] : ['-v', `${source}:${destination}`];
}

/** Where its environment lets the registry listen, as the host's network needs it. */
function portOf(container: Inspection | undefined): string | undefined {
  const variables = container?.Config.Env ?? [];
  return variables
    .map((one) => /^REGISTRY_HTTP_ADDR=.*:(\d+)$/.exec(one)?.[1])
    .find((port) => port !== undefined);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v2/`, { signal: AbortSignal.timeout(2_000) });
    return response.status === 200 || response.status === 401;
  } catch {
    return false;
  }
}
