import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ended } from '../../support/program.ts';
import { freePort } from '../../support/registry.ts';
import { docker } from './docker.ts';
import { image, socket } from './scene.ts';

const root = resolve(import.meta.dirname, '../../..');

/** The project's own Compose files, under a project name and a port of their own. All is gone when it ends. */
export class Project implements AsyncDisposable {
  readonly name = `rc-e2e-${randomBytes(4).toString('hex')}`;
  readonly directory = mkdtempSync(join(tmpdir(), `${this.name}-`));
  readonly port: number;
  readonly url: string;
  readonly #files: readonly string[];
  readonly #env: Readonly<Record<string, string>>;

  private constructor(port: number, files: readonly string[], env: Readonly<Record<string, string>>) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#files = files;
    this.#env = env;
  }

  /** `files`: relative to the repository. */
  static async open(
    files: readonly string[] = ['docker-compose.yml'],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Project> {
    return new Project(await freePort(), files, env);
  }

  /** `docker-compose …`, however it ends. */
  compose(...args: readonly string[]): Promise<Ended> {
    const files = this.#files.flatMap((file) => ['-f', file]);
    const child = spawn('docker-compose', ['-p', this.name, '--project-directory', root, ...files, ...args], {
      cwd: root,
      env: {
        ...process.env,
        REGISTRY_PORT: String(this.port),
        DOCKER_SOCKET: socket,
        REGISTRY_CLEANUP_IMAGE: image,
        DOCKER_BUILDKIT: '0',
        ...this.#env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
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
      child.on('close', (exitCode) => done({ exitCode, stdout, stderr }));
    });
  }

  /** `docker-compose …`, which must end well. Returns what it said. */
  async must(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.compose(...args);
    if (exitCode !== 0)
      throw new Error(`docker-compose ${args.join(' ')}: ${exitCode}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Starts services, and returns once the registry answers. */
  async up(...services: readonly string[]): Promise<void> {
    await this.must('up', '-d', ...services);
    for (let attempt = 0; ; attempt++) {
      const status = await fetch(`${this.url}/v2/`).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200 || status === 401) return;
      if (attempt === 100) throw new Error(`nothing answers at ${this.url}: ${await this.must('logs')}`);
      await sleep(100);
    }
  }

  /** The container of a service. */
  async container(service: string): Promise<string> {
    return (await this.must('ps', '-q', service)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compose('down', '-v', '--remove-orphans');
    const filter = `label=com.docker.compose.project=${this.name}`;
    const left = (await docker('ps', '-aq', '--filter', filter)).split('\n').filter((id) => id !== '');
    if (left.length > 0) await docker('rm', '-f', '-v', ...left);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
