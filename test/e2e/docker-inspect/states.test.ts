import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Container } from '../../../src/engine/engine.ts';
import { fail } from '../../../src/errors.ts';
import { docker } from '../support/docker.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

it('refuses a container that goes when it stops', async () => {
  await stage.registry({ flags: ['--rm'] });
  expect(await stage.refusals()).toEqual([expect.stringContaining('--rm')]);
});

it('refuses a paused one, with the command that wakes it', async () => {
  const { name } = await stage.registry();
  await docker('pause', name);
  const refusals = await stage.refusals();
  await docker('unpause', name);
  expect(refusals).toEqual([expect.stringContaining(`docker unpause ${name}`)]);
});

it('refuses one that is started again and again', async () => {
  const name = `${stage.scene.id}-broken`;
  await stage.scene.run(
    name,
    ...['--restart', 'always', '--network', stage.scene.network, ...stage.service('registry')],
    ...['-v', `${await stage.scene.addVolume()}:/var/lib/registry`],
    ...['-e', 'REGISTRY_STORAGE_MAINTENANCE_READONLY=true', 'registry:2'],
  );
  await expect
    .poll(() => docker('inspect', '-f', '{{.State.Status}}', name), { timeout: 30_000 })
    .toBe('restarting');
  const { state } = await stage.look();
  // The engine may be about to start it while we look: then it does not answer.
  expect(state.refusals.join('\n')).toMatch(/is restarting|does not answer/);
  expect(state.refusals.length).toBeGreaterThan(0);
});

it('refuses what Swarm would start again', async () => {
  await stage.registry({ flags: ['--label', 'com.docker.swarm.task.id=1'] });
  expect(await stage.refusals()).toEqual([expect.stringContaining('run by Swarm')]);
});

it('knows the version of one that does not run, and leaves nothing behind', async () => {
  const registry = await stage.registry({ flags: ['--user', '1000:1000'] });
  await docker('stop', '-t', '0', registry.id);
  let probe: Container | undefined;
  const { engine } = stage;
  const spy = {
    ...engine,
    async remove(id: string) {
      probe = await engine.inspect(id);
      await engine.remove(id);
    },
  };
  const { state, ground } = await stage.look({ engine: spy });
  expect(state).toMatchObject({ live: 'stopped', writers: [], major: 2, refusals: [] });
  expect(state.version).toMatch(/^2\.8\./);
  expect(state.warnings).toEqual([expect.stringContaining('is exited. It will not be started either')]);
  expect(ground?.live.id).toBe(registry.id);
  // An anonymous volume would stay, where the image declares one.
  expect(probe?.mounts.map(({ type, destination }) => [type, destination])).toEqual([
    ['tmpfs', '/var/lib/registry'],
  ]);
  expect(probe).toMatchObject({
    networkMode: 'none',
    user: '1000:1000',
    labels: { 'registry-cleanup.role': 'probe' },
  });
  expect(await engine.inspect(probe?.id ?? '')).toBeUndefined();
});

it('removes what asked for the version and was left over', async () => {
  const registry = await stage.registry();
  await docker('stop', '-t', '0', registry.id);
  const name = `registry-cleanup-probe-${registry.id.slice(0, 12)}`;
  const left = await docker('create', '--name', name, '--label', 'registry-cleanup.role=probe', 'busybox');
  const { state } = await stage.look();
  expect(state.major).toBe(2);
  expect(await stage.engine.inspect(left)).toBeUndefined();
  expect(await stage.engine.inspect(name)).toBeUndefined();
});

it('makes no container for a dry run', async () => {
  const registry = await stage.registry();
  await docker('stop', '-t', '0', registry.id);
  const creates: unknown[] = [];
  const engine = {
    ...stage.engine,
    async create(container: Parameters<typeof stage.engine.create>[0]) {
      creates.push(container);
      return stage.engine.create(container);
    },
  };
  const { state } = await stage.look({ writes: false, engine });
  expect(state.refusals).toEqual([expect.stringContaining('and a dry run makes none. Start it')]);
  expect(state.root).toBe(registry.root);
  expect(creates).toEqual([]);
});

it('asks a stand-in that was left over for the version of a registry that is stopped', async () => {
  const registry = await stage.registry();
  await docker('stop', '-t', '0', registry.id);
  await stage.scene.run(
    `${stage.scene.id}-left`,
    ...['--volumes-from', registry.id, '--label', 'registry-cleanup.role=readonly'],
    ...['--label', 'registry-cleanup.run=1', 'registry:2'],
  );
  const { state } = await stage.look({ writes: false });
  expect(state.major).toBe(2);
  expect(state.refusals).toEqual([]);
});

it('tells what a socket proxy forbids', async () => {
  await stage.registry();
  const forbidden = {
    method: 'POST',
    path: '/containers/x/exec',
    status: 403,
    reason: 'no',
    hint: 'Allow it.',
  };
  const engine = {
    ...stage.engine,
    async exec() {
      return fail('ENGINE_ANSWERED', forbidden);
    },
  };
  expect((await stage.look({ engine })).state.refusals).toEqual([
    expect.stringMatching(
      /cannot be asked for\. POST \/containers\/x\/exec was answered .* 403: no\. Allow it\.$/,
    ),
  ]);
});

it('refuses to go down with the registry', async () => {
  const registry = await stage.registry();
  const self = await stage.idle(
    'cleaner',
    '--network',
    `container:${registry.id}`,
    '-v',
    `${registry.root}:/data`,
  );
  const refusals = await stage.refusals({ self, container: registry.name });
  expect(refusals[0]).toContain('would go down with it');
});
