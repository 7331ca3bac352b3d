import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RegistryContainer } from '../support/scene.ts';
import { Stage } from './stage.ts';

let stage: Stage;
let registry: RegistryContainer;
beforeEach(async () => {
  stage = await Stage.open();
  registry = await stage.registry({ storage: 'bind' });
});
afterEach(() => stage[Symbol.asyncDispose]());

const name = (of: string) => `${stage.scene.id}-${of}`;
const readOnly = [
  '-e',
  'REGISTRY_STORAGE_MAINTENANCE={"readonly":{"enabled":true},"uploadpurging":{"enabled":false}}',
];

interface Declaration {
  readonly storage?: string;
  readonly env?: readonly string[];
  readonly image?: string;
  readonly command?: readonly string[];
}

/** A stand-in of the project. */
async function declare(of = 'stand-in', declaration: Declaration = {}): Promise<string> {
  const {
    storage = `${registry.root}:/var/lib/registry`,
    env = readOnly,
    image = 'registry:2',
  } = declaration;
  return stage.scene.run(
    name(of),
    ...['--network', stage.scene.network, ...stage.service(of), '--label', 'registry-cleanup.role=readonly'],
    ...['-v', storage, ...env, image, ...(declaration.command ?? [])],
  );
}

it('takes the stand-in that is declared, which is no second writer', async () => {
  const id = await declare();
  const { state, ground } = await stage.look();
  expect(state.refusals).toEqual([]);
  expect(ground?.declared?.id).toBe(id);
  expect(ground?.live.id).toBe(registry.id);
});

it('does not take one of another project', async () => {
  const project = ['--label', 'com.docker.compose.project=another'];
  await stage.scene.run(
    name('other'),
    ...project,
    '--label',
    'registry-cleanup.role=readonly',
    'busybox',
    'sleep',
    '99',
  );
  const { state, ground } = await stage.look();
  expect(state.refusals).toEqual([]);
  expect(ground?.declared).toBeUndefined();
});

it('refuses two', async () => {
  await declare('one');
  await declare('two');
  const refusals = await stage.refusals();
  expect(refusals[0]).toMatch(/^2 containers have the label registry-cleanup.role=readonly: .*one .*two /);
});

it('refuses one that serves something else', async () => {
  const volume = await stage.scene.addVolume();
  await declare('stand-in', { storage: `${volume}:/var/lib/registry` });
  expect(await stage.refusals()).toEqual([
    expect.stringContaining(`does not mount the storage of ${registry.name} there (${registry.root})`),
  ]);
});

it('refuses one in which the collector could not work', async () => {
  await declare('stand-in', { storage: `${registry.root}:/var/lib/registry:ro` });
  expect(await stage.refusals()).toEqual([expect.stringContaining('Leave ":ro" out')]);
});

it('refuses one that would take pushes, and says what to set', async () => {
  await declare('stand-in', { env: [] });
  expect(await stage.refusals()).toEqual([
    expect.stringContaining(`'{"readonly":{"enabled":true},"uploadpurging":{"enabled":false}}'`),
  ]);
});

it('refuses one that is another program, or is configured elsewhere', async () => {
  await declare('stand-in', { image: 'busybox', command: ['sleep', '99', '/etc/passwd.yml'] });
  const refusals = await stage.refusals();
  expect(refusals).toEqual([
    expect.stringContaining('made from another image (busybox) than'),
    expect.stringContaining('is not in its container'),
  ]);
});

it('refuses one that listens elsewhere', async () => {
  await declare('stand-in', { env: [...readOnly, '-e', 'REGISTRY_HTTP_ADDR=:5001'] });
  expect(await stage.refusals()).toEqual([
    expect.stringContaining(`the http.addr of the declared stand-in is :5001, but :5000 in ${registry.name}`),
  ]);
});
