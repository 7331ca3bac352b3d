import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Ground } from '../../../src/runtime/docker/ground.ts';
import { storageBreach } from '../../../src/runtime/docker/writers.ts';
import { docker } from '../support/docker.ts';
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
const mounted = (path: string, flags = '') => ['-v', `${path}:/data${flags}`] as const;

async function ground(): Promise<Ground> {
  const { ground } = await stage.look();
  if (ground === undefined) throw new Error('nothing to stand on');
  return ground;
}

it.each([
  ['the same directory', (root: string) => root],
  ['a directory above', (root: string) => dirname(root)],
  ['a directory below', (root: string) => join(root, 'docker')],
])('refuses who mounts %s', async (_, path) => {
  mkdirSync(join(registry.root, 'docker'));
  await stage.idle('writer', ...mounted(path(registry.root)));
  const [refusal, ...others] = await stage.refusals();
  expect(refusal).toContain(`the container ${name('writer')} (busybox) may write there, too`);
  expect(refusal).toContain(`mounts ${path(registry.root)} on /data`);
  expect(refusal).toContain('"…:/data:ro"');
  expect(others).toEqual([]);
});

it('refuses every one of them, those that are paused too', async () => {
  await stage.idle('one', ...mounted(registry.root));
  await docker('pause', await stage.idle('two', ...mounted(registry.root)));
  const refusals = await stage.refusals();
  expect(refusals.join('\n')).toContain(`container ${name('one')} `);
  expect(refusals.join('\n')).toContain(`container ${name('two')} `);
});

it('refuses who writes to the same volume', async () => {
  const volume = await stage.scene.addVolume();
  const named = await stage.scene.registry({
    flags: ['-v', `${volume}:/other`, '-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/other'],
  });
  await stage.idle('writer', '-v', `${volume}:/data`);
  const refusals = await stage.refusals({ container: named.name });
  expect(refusals).toEqual([expect.stringContaining(`it mounts the volume ${volume} on /data`)]);
});

it('lets those be that only read, do not run, are beside it, or are cleaners as well', async () => {
  await stage.idle('reader', ...mounted(registry.root, ':ro'));
  await stage.idle('sibling', ...mounted(`${registry.root}-2`));
  await stage.idle('cleaner', ...mounted(registry.root), '--label', 'registry-cleanup.role=cleaner');
  const stopped = await stage.idle('stopped', ...mounted(registry.root));
  await docker('kill', stopped);
  expect(await stage.refusals()).toEqual([]);
  const self = await stage.idle(
    'self',
    '-v',
    `${registry.root}:${registry.root}`,
    '--network',
    stage.scene.network,
  );
  await docker('rm', '-f', name('cleaner'));
  // The other one is made from the same image as the one that looks: it is a cleaner, too.
  await stage.idle('cleaner', ...mounted(registry.root));
  expect(await stage.refusals({ self, container: registry.name })).toEqual([]);
});

it('tells what a run left over, and does not refuse it', async () => {
  await stage.idle('left', ...mounted(registry.root), '--label', 'registry-cleanup.run=20260101T000000-1');
  const { state } = await stage.look();
  expect(state.refusals).toEqual([]);
  expect(state.warnings).toEqual([
    expect.stringContaining(`${name('left')} was made by run 20260101T000000-1`),
  ]);
});

it('sees the fence broken by the live registry and by others, and not by ours', async () => {
  const found = await ground();
  expect(await storageBreach(found, [])).toBe(`the live registry (container ${registry.name}) runs`);
  await docker('stop', '-t', '0', registry.id);
  expect(await storageBreach(found, [])).toBeUndefined();
  await stage.idle('reader', ...mounted(registry.root, ':ro'));
  const id = await stage.idle('writer', ...mounted(registry.root));
  expect(await storageBreach(found, [])).toMatch(`the container ${name('writer')} (busybox) runs`);
  expect(await storageBreach(found, [id])).toBeUndefined();
  expect(await storageBreach(found, [name('writer')])).toBeUndefined();
  await docker('start', registry.id);
  expect(await storageBreach(found, [name('writer')])).toContain('the live registry');
});
