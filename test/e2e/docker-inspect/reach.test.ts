import { resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Ground } from '../../../src/runtime/docker/ground.ts';
import { reach, reachLive } from '../../../src/runtime/docker/reach.ts';
import { serves, vantageOf } from '../../../src/runtime/docker/serves.ts';
import { docker } from '../support/docker.ts';
import { freePort } from '../support/scene.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

const name = (of: string) => `${stage.scene.id}-${of}`;

/** The service `registry`, which need not answer yet. */
async function started(...flags: readonly string[]): Promise<string> {
  const volume = await stage.scene.addVolume();
  const id = await stage.scene.run(
    name('registry'),
    ...[...stage.service('registry'), '-v', `${volume}:/var/lib/registry`, ...flags, 'registry:2'],
  );
  await expect
    .poll(() => docker('logs', id).then(() => docker('top', id)), { timeout: 10_000 })
    .toContain('serve');
  return id;
}

/** All that is needed to be there, once the registry answers. */
async function ground(options: Parameters<Stage['look']>[0] = {}): Promise<Ground> {
  await expect.poll(() => stage.refusals(options), { timeout: 20_000 }).toEqual([]);
  const { ground } = await stage.look(options);
  if (ground === undefined) throw new Error('nothing to stand on');
  return ground;
}

async function addressOf(id: string, network = stage.scene.network): Promise<string> {
  return docker('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, id);
}

it('reaches it in its network, under the name that it has there', async () => {
  const id = await started('--network', stage.scene.network, '--network-alias', 'images.example.com');
  const found = await reachLive(await ground());
  expect(found).toEqual({
    url: 'http://images.example.com:5000',
    connectTo: { host: await addressOf(id), port: 5000 },
  });
});

it('reaches it on the network of the host', async () => {
  const port = await freePort();
  await started('--network', 'host', '-e', `REGISTRY_HTTP_ADDR=127.0.0.1:${port}`);
  expect(await reachLive(await ground())).toEqual({
    url: `http://${name('registry')}:${port}`,
    connectTo: { host: '127.0.0.1', port },
  });
});

it('reaches it in the network of another container', async () => {
  const owner = await stage.idle('owner', '--network', stage.scene.network);
  await started('--network', `container:${owner}`);
  expect((await reachLive(await ground())).connectTo).toEqual({ host: await addressOf(owner), port: 5000 });
});

it('reaches it in the bridge that everybody has', async () => {
  const id = await started();
  expect((await reachLive(await ground())).connectTo?.host).toBe(await addressOf(id, 'bridge'));
});

it('speaks TLS where the registry does, below its prefix, and takes a 401 for an answer', async () => {
  const tls = resolve(import.meta.dirname, '../../fixtures/tls');
  const id = await started(
    ...['--network', stage.scene.network, '--network-alias', 'localhost', '-v', `${tls}:/tls:ro`],
    ...[
      '-e',
      'REGISTRY_HTTP_TLS_CERTIFICATE=/tls/localhost.crt',
      '-e',
      'REGISTRY_HTTP_TLS_KEY=/tls/localhost.key',
    ],
    ...['-e', 'REGISTRY_HTTP_PREFIX=/images/', '-e', 'REGISTRY_AUTH={silly: {realm: r, service: s}}'],
  );
  expect(await reachLive(await ground({ hasAuth: true }))).toEqual({
    url: 'https://localhost:5000/images',
    connectTo: { host: await addressOf(id), port: 5000 },
  });
});

it('takes the way of users where that is known, and their name for the stand-in', async () => {
  const id = await started('--network', stage.scene.network, '--network-alias', 'registry');
  const found = await ground({ url: 'http://images.example.com/' });
  expect(await reachLive(found)).toEqual({ url: 'http://images.example.com' });
  const live = await stage.engine.inspect(id);
  expect(live && (await reach(vantageOf(found), live))).toEqual({
    url: 'http://images.example.com:5000',
    connectTo: { host: await addressOf(id), port: 5000 },
  });
});

it('finds it again when a restart has moved it', async () => {
  const id = await started('--network', stage.scene.network);
  const found = await ground();
  const before = await addressOf(id);
  await docker('stop', '-t', '0', id);
  await stage.idle('squatter', '--network', stage.scene.network);
  await docker('start', id);
  const after = await addressOf(id);
  expect(after).not.toBe(before);
  await expect
    .poll(async () => (await reachLive(found).catch(() => undefined))?.connectTo?.host, { timeout: 10_000 })
    .toBe(after);
});

it('says which network to enter, from a container that is in none of them', async () => {
  await stage.scene.addNetwork(name('apart'));
  const self = await stage.idle('cleaner', ...stage.service('cleanup'), '--network', name('apart'));
  await started('--network', stage.scene.network);
  const refusals = await stage.refusals({ self });
  expect(refusals.at(-1)).toContain('does not answer: no way leads there');
  expect(refusals.at(-1)).toContain(
    `Put the cleaner into a network of the registry: ${stage.scene.network}.`,
  );
});

it('goes through a published port where no network is shared', async () => {
  await stage.scene.addNetwork(name('apart'));
  const self = await stage.idle('cleaner', '--network', name('apart'));
  const port = await freePort();
  const id = await started('--network', stage.scene.network, '-p', `${port}:5000`);
  const found = await ground();
  const live = await stage.engine.inspect(id);
  const from = { ...vantageOf(found), self: await stage.engine.inspect(self) };
  const gateway = await docker(
    'inspect',
    '-f',
    '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}',
    self,
  );
  expect(live && (await serves(from, live))?.connectTo).toEqual({ host: gateway, port });
});

it('tells what was tried where nothing answers', async () => {
  const id = await started('--network', stage.scene.network, '-p', '127.0.0.1::5000');
  const found = await ground();
  await docker('pause', id);
  const refused = await reachLive(found).catch((error: unknown) => error);
  await docker('unpause', id);
  expect(refused).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: expect.stringMatching(/tried \S+:5000 \(network .*\): .*127\.0\.0\.1:\d+ \(published port\): /),
  });
  await docker('stop', '-t', '0', id);
  await expect(reachLive(found)).rejects.toThrow(`the container ${name('registry')} is exited`);
});

it('does not take another server for a registry', async () => {
  await stage.scene.run(name('web'), '--network', stage.scene.network, 'nginx:1-alpine');
  const id = await started('--network', stage.scene.network);
  const found = await ground();
  const web = await stage.engine.inspect(name('web'));
  const there = { ...vantageOf(found), port: 80 };
  await expect.poll(() => web && reach(there, web).catch(String)).toMatch(/no registry answers \(404\)/);
  const live = await stage.engine.inspect(id);
  expect(live && (await serves(there, live))).toBeUndefined();
});
