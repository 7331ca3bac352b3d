import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ended, nightly } from '../support/fake-compose.ts';
import { signal } from '../support/processes.ts';
import { temporaryDirectory } from '../support/program.ts';
import { docker, inspected } from './support/docker.ts';
import { image, socket } from './support/scene.ts';

const root = resolve(dirname(nightly), '..');

/** A Compose project with a "cleanup" that is a shell script, and scripts/nightly as cron would run it. */
function project(script: string) {
  const directory = temporaryDirectory();
  const path = join(directory.path, 'a project');
  const log = join(directory.path, 'nightly.log');
  mkdirSync(path);
  const service = {
    image: 'busybox',
    init: true,
    network_mode: 'none',
    // Whoever asks the engine to stop it gives it no longer than this.
    stop_grace_period: '1s',
    entrypoint: ['sh', '-c', script, 'sh'],
  };
  writeFileSync(join(path, 'docker-compose.yml'), JSON.stringify({ services: { cleanup: service } }));
  const children: ChildProcess[] = [];
  return {
    /** Whose name scripts/nightly chose. */
    container: async () =>
      (await docker('ps', '-aq', '--filter', `label=com.docker.compose.project.working_dir=${path}`)) ||
      undefined,
    run: (env: Readonly<Record<string, string>> = {}) => {
      const child = bare(`exec '${nightly}' --log '${log}'`, {
        CLEANUP_PROJECT: path,
        HOME: directory.path,
        ...env,
      });
      children.push(child);
      return { pid: child.pid ?? 0, ended: ended(child) };
    },
    says: async (text: string) => {
      while (!existsSync(log) || !readFileSync(log, 'utf8').includes(text)) await sleep(50);
    },
    async [Symbol.asyncDispose]() {
      for (const { pid, exitCode } of children)
        if (exitCode === null && pid !== undefined) signal(pid, 'SIGKILL');
      const left = await this.container();
      if (left !== undefined) await docker('rm', '-f', '-v', left);
      directory[Symbol.dispose]();
    },
  };
}

/** As cron runs it: next to no environment, no terminal. */
function bare(command: string, env: Readonly<Record<string, string>>): ChildProcess {
  return spawn('/bin/sh', ['-c', command], {
    cwd: '/',
    env: {
      PATH: '/usr/bin:/bin',
      SHELL: '/bin/sh',
      DOCKER_HOST: process.env.DOCKER_HOST ?? `unix://${socket}`,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

/** The process below `pid`, at any depth, whose command line has `word` in it. */
function below(pid: number, word: string): number | undefined {
  for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)) {
    if (readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(word)) return child;
    const found = below(child, word);
    if (found !== undefined) return found;
  }
  return undefined;
}

test('a SIGTERM has the cleaner undo everything for as long as it takes, and the container is gone then', async () => {
  await using it = project(
    `trap 'trap "" TERM; sleep 4; echo undone; exit 143' TERM; echo begun; while :; do sleep 0.1; done`,
  );
  const run = it.run();
  await it.says('begun');
  process.kill(run.pid, 'SIGTERM');
  const { exitCode, stderr } = await run.ended;
  expect(exitCode).toBe(143);
  expect(stderr).toMatch(/^undone$/m);
  expect(await it.container()).toBeUndefined();
});

test("a connection that breaks does not end the cleaner; its exit code and its output are the nightly run's", async () => {
  await using it = project('echo begun; sleep 4; echo over; exit 6');
  const run = it.run();
  await it.says('begun');
  const attached = below(run.pid, 'start\0--attach');
  // Docker Compose v2 attaches by itself.
  process.kill(attached ?? below(run.pid, 'compose') ?? 0, 'SIGKILL');
  const { exitCode, stderr } = await run.ended;
  expect(stderr).toContain('the cleaner is still at work');
  expect(exitCode).toBe(6);
  expect(stderr).toMatch(/^over$/m);
  expect(await it.container()).toBeUndefined();
});

test('a nightly run that is killed leaves the cleaner at work: the next ends with 4, a later one tells how it ended', async () => {
  await using it = project('echo begun; sleep 5; exit 3');
  const killed = it.run();
  await it.says('begun');
  const compose = below(killed.pid, 'compose') ?? 0;
  for (const pid of [killed.pid, below(compose, 'start\0--attach'), compose])
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  await killed.ended;
  const second = await it.run().ended;
  expect([second.exitCode, second.stdout]).toEqual([4, '']);
  const left = (await it.container()) ?? '';
  expect((await inspected(left))?.State.Running).toBe(true);
  await docker('wait', left);
  const third = await it.run().ended;
  expect(third.stderr).toContain('its cleaner ended with 3');
  expect(await it.container()).toBeUndefined();
});

test('an engine that does not answer, and a cleaner that cannot be started, are told', async () => {
  await using it = project('exit 0');
  const down = await it.run({ DOCKER_HOST: 'unix:///nonexistent.sock' }).ended;
  expect(down.exitCode).toBe(1);
  expect(down.stderr).toMatch(/docker cannot be asked: .*unix:\/\/\/nonexistent\.sock/);
  const wrong = await it.run({ COMPOSE_FILE: 'nowhere.yml' }).ended;
  expect(wrong.exitCode).not.toBe(0);
  expect(wrong.stderr).toContain('the cleaner was not started');
  expect(wrong.stderr).toContain('nowhere.yml');
});

test('every night the registry of docker-compose.yml is cleaned without a word', async () => {
  using directory = temporaryDirectory();
  const source = process.env.E2E_SOURCE;
  const file = join(directory.path, 'source.yml');
  const entrypoint = ['node', '/source/src/cli.ts'];
  const volumes = [`${source}:/source:ro`];
  const services = {
    cleanup: { volumes, entrypoint },
    noise: { volumes, entrypoint: [...entrypoint, 'noise'] },
  };
  writeFileSync(file, JSON.stringify(source === undefined ? {} : { services }));
  const env = {
    HOME: directory.path,
    COMPOSE_PROJECT_NAME: basename(directory.path).toLowerCase(),
    COMPOSE_FILE: source === undefined ? 'docker-compose.yml' : `docker-compose.yml:${file}`,
    DOCKER_SOCKET: socket,
    REGISTRY_CLEANUP_IMAGE: image,
    REGISTRY_PORT: '0',
  };
  const log = join(directory.path, 'nightly.log');
  const compose = (...args: readonly string[]) =>
    execFileSync('docker-compose', [...args], { cwd: root, env: { ...process.env, ...env }, stdio: 'pipe' });
  const silent = { exitCode: 0, stdout: '', stderr: '' };
  try {
    compose('up', '-d', 'registry');
    compose('run', '--rm', '-T', 'noise', '15', '--seed', '7');
    expect(await ended(bare(`'${nightly}' --log '${log}'`, env))).toEqual(silent);
    expect(readFileSync(log, 'utf8')).toMatch(/^Removed \d+ manifests/m);
    expect(await ended(bare(`'${nightly}' --log '${log}'`, env))).toEqual(silent);
    expect(readFileSync(log, 'utf8')).toMatch(/^Nothing to remove/m);
    expect(await ended(bare(`'${nightly}' --log '${log}.recover' --recover`, env))).toEqual(silent);
    expect(readFileSync(`${log}.recover`, 'utf8')).toMatch(/nothing to recover/);
    expect(readdirSync(directory.path).filter((name) => name.startsWith('nightly'))).toHaveLength(3);
  } finally {
    compose('down', '-v');
  }
});
