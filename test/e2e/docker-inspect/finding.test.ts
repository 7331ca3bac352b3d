import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEngine } from '../../../src/docker.ts';
import { needEngineAddress } from '../../../src/engine/address.ts';
import { labelled, Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

it('finds the service "registry" of the own project, and all that a run stands on', async () => {
  const registry = await stage.registry();
  const { state, ground } = await stage.look();
  expect(state).toMatchObject({
    runtime: 'docker',
    version: expect.stringMatching(/^2\.8\./),
    major: 2,
    driver: 'filesystem',
    root: registry.root,
    url: 'http://registry:5000',
    live: 'running',
    writers: [{ name: `container ${registry.name} (registry:2)` }],
    auth: 'none',
    cache: 'inmemory',
    proxy: undefined,
    refusals: [],
    warnings: [],
  });
  expect(ground).toMatchObject({
    live: { id: registry.id },
    self: undefined,
    declared: undefined,
    configPath: '/etc/docker/registry/config.yml',
    binary: 'registry',
    port: 5000,
    hostPath: registry.root,
  });
});

it('finds the one with the label, whatever its service is called', async () => {
  await stage.registry();
  const images = await stage.registry({ service: 'images', flags: labelled });
  expect((await stage.look()).ground?.live.id).toBe(images.id);
});

it('finds the one that is named, by name and by id, in no project at all', async () => {
  await stage.registry();
  const named = await stage.scene.registry();
  expect((await stage.look({ container: named.name })).ground?.live.id).toBe(named.id);
  expect((await stage.look({ container: named.id.slice(0, 12) })).ground?.live.id).toBe(named.id);
});

it('refuses a name that no container has, and lists those that there are', async () => {
  const registry = await stage.registry();
  const [refusal, ...others] = await stage.refusals({ container: 'nonesuch' });
  expect(refusal).toContain('no container nonesuch');
  expect(refusal).toContain(`${registry.name} (registry:2, running)`);
  expect(others).toEqual([]);
});

it('refuses where there is none, and lists what the project has', async () => {
  await stage.scene.registry({ flags: labelled });
  const other = await stage.registry({ service: 'images' });
  const [refusal] = await stage.refusals();
  expect(refusal).toContain(`The Compose project ${stage.project} has no`);
  expect(refusal).toContain(`Seen: ${other.name} (registry:2, running).`);
  expect(refusal).toContain('registry.container');
});

it('refuses where there are two, by their names', async () => {
  const one = await stage.registry();
  const two = await stage.registry();
  const [refusal] = await stage.refusals();
  expect(refusal).toMatch(/^2 containers are the service "registry"/);
  expect(refusal).toContain(one.name);
  expect(refusal).toContain(two.name);
});

it('does not take what docker-compose run made, a stand-in, or what a run left over', async () => {
  const registry = await stage.registry();
  const network = ['--network', stage.scene.network];
  await stage.idle('one-off', ...network, ...stage.service('registry', true));
  await stage.idle('left', ...network, ...stage.service('registry'), '--label', 'registry-cleanup.run=1');
  expect((await stage.look()).ground?.live.id).toBe(registry.id);
});

it('looks in the project of the container that it runs in', async () => {
  const registry = await stage.registry();
  const self = await stage.idle(
    'cleaner',
    ...['--network', stage.scene.network, '-v', `${registry.root}:/var/lib/registry`],
    ...stage.service('cleanup', true),
  );
  // The root is where the cleaner has it, and there is no such directory here.
  const { state, ground } = await stage.look({ self });
  expect(state.url).toBe('http://registry:5000');
  expect(state.refusals.filter((text) => !text.includes('cannot be opened'))).toEqual([]);
  expect(ground?.self?.id ?? self).toBe(self);
});

it('throws where the engine does not answer', async () => {
  const nobody = join(stage.scene.directory, 'nobody.sock');
  const engine = openEngine(needEngineAddress({ DOCKER_HOST: `unix://${nobody}` }));
  await expect(stage.look({ engine })).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE', exitCode: 1 });
});
