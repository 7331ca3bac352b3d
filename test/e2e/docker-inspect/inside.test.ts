import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Reach, RegistryState } from '../../../src/runtime/runtime.ts';
import { docker } from '../support/docker.ts';
import { Scene, socket } from '../support/scene.ts';
import { labelled } from './stage.ts';

const source = resolve(import.meta.dirname, '../../..');

interface Seen {
  readonly state: RegistryState;
  readonly self?: string;
  readonly live?: string;
  readonly hostPath?: string;
  readonly reach?: Reach;
}

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene[Symbol.asyncDispose]());

const program = ['/source/test/e2e/docker-inspect/look-here.ts'];
const mounts = ['-v', `${source}:/source:ro`, '-v', `${socket}:/var/run/docker.sock`];

async function look(...flags: readonly string[]): Promise<Seen> {
  const { stdout, stderr } = await scene.attached(`${scene.id}-cleaner`, [
    // Where cgroups have namespaces, the id is not in /proc/self/cgroup.
    ...['--rm', '--cgroupns', 'private', ...mounts, ...flags, 'node:24-bookworm-slim', 'node', ...program],
  ]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Seen;
}

it('knows itself, its project and its mount, as a service that Compose runs once', async () => {
  const file = join(scene.directory, 'docker-compose.yml');
  writeFileSync(file, composeFile);
  const compose = async (...args: readonly string[]): Promise<string> => {
    const all = ['-p', scene.id, '-f', file, ...args];
    return (await promisify(execFile)('docker-compose', all, { timeout: 120_000 })).stdout;
  };
  try {
    await compose('up', '-d', 'registry');
    const seen = JSON.parse(await compose('run', '--rm', '-T', 'cleanup')) as Seen;
    const volume = `${scene.id}_registry-data`;
    expect(seen.state).toMatchObject({
      refusals: [],
      warnings: [],
      live: 'running',
      root: '/data',
      url: 'http://registry:5000',
    });
    expect(seen.self).toMatch(/cleanup/);
    expect(seen.live).toMatch(/registry/);
    expect(seen.hostPath).toBe(await docker('volume', 'inspect', '-f', '{{.Mountpoint}}', volume));
    expect(seen.reach?.connectTo?.port).toBe(5000);
  } finally {
    await compose('down', '-v');
  }
});

/* What makes a container hard to know: its name, the host's network, and the network of another one. */
it.each([
  ['under a name of its own', () => ['--hostname', 'registry', '--network', scene.network]],
  ['on the network of the host', () => ['--network', 'host']],
  ['in the network of another container', () => ['--network', `container:${scene.id}-neighbour`]],
])('knows itself %s', async (_, flags) => {
  await scene.run(`${scene.id}-neighbour`, '--network', scene.network, 'busybox', 'sleep', '1000');
  // The cleaner's own project, so that no other registry of the engine is meant.
  const project = ['--label', `com.docker.compose.project=${scene.id}`];
  const live = await scene.registry({ flags: [...project, ...labelled] });
  const seen = await look(...project, ...flags(), '-v', `${live.root}:/data`);
  expect(seen.state.refusals).toEqual([]);
  expect(seen).toMatchObject({ self: `${scene.id}-cleaner`, live: live.name, state: { root: '/data' } });
});

const composeFile = `version: '3.8'
services:
  registry:
    image: registry:2
    volumes: ['registry-data:/var/lib/registry']
  cleanup:
    image: node:24-bookworm-slim
    command: [node, ${program.join(', ')}]
    volumes:
      - registry-data:/data
      - ${source}:/source:ro
      - ${socket}:/var/run/docker.sock
volumes:
  registry-data:
`;
