import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import type { Ground } from '../../../src/runtime/docker/ground.ts';
import { tryReadonly } from '../../../src/runtime/docker/try-readonly.ts';
import { storageBreach } from '../../../src/runtime/docker/writers.ts';
import { docker, inspected } from '../support/docker.ts';
import type { RegistryContainer } from '../support/scene.ts';
import { Stage } from './stage.ts';

/* One directory under two names: `driver_opts: {type: none, o: bind, device: …}`. */

let stage: Stage;
let directory: string;
let volume: string;
let made: string[];
beforeEach(async () => {
  stage = await Stage.open();
  made = [];
  directory = join(stage.scene.directory, 'shared');
  mkdirSync(directory);
  volume = await bound('bound');
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
  for (const one of made) await docker('volume', 'rm', '-f', one);
});

const name = (of: string) => `${stage.scene.id}-${of}`;

/** A volume that is the directory. */
async function bound(of: string): Promise<string> {
  const options = ['type=none', 'o=bind', `device=${directory}`].flatMap((option) => ['--opt', option]);
  made.push(name(of));
  return docker('volume', 'create', ...options, name(of));
}

const mountpoint = () => docker('volume', 'inspect', '-f', '{{.Mountpoint}}', volume);

/** A live registry that keeps its data in `source`, under /data. */
function registryIn(source: string): Promise<RegistryContainer> {
  const root = ['-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data'];
  return stage.registry({ flags: ['-v', `${source}:/data`, ...root] });
}

async function ground(): Promise<Ground> {
  const { state, ground } = await stage.look();
  if (ground === undefined) throw new Error(`nothing to stand on: ${state.refusals.join('\n')}`);
  return ground;
}

/** A container that mounts `source` where that is here, too, and may be the cleaner. */
function cleaner(source: string): Promise<string> {
  return stage.idle('cleaner', '--network', stage.scene.network, '-v', `${source}:${directory}`);
}

describe('a live registry in the volume', () => {
  beforeEach(async () => {
    await registryIn(volume);
  });

  it('is opened by the name of the directory on the host', async () => {
    const { state, ground } = await stage.look();
    expect(state.refusals).toEqual([]);
    expect(state.root).toBe(directory);
    expect(ground?.hostPath).toBe(directory);
  });

  it('is opened by the mountpoint where its device is not here', async () => {
    const engine: Engine = {
      ...stage.engine,
      volumes: async () =>
        (await stage.engine.volumes()).map((one) =>
          one.name === volume ? { ...one, device: 'nfs:192.0.2.1:/export' } : one,
        ),
    };
    const { state, ground } = await stage.look({ engine });
    expect(state.refusals).toEqual([]);
    expect(state.root).toBe(await mountpoint());
    expect(ground?.hostPath).toBe('nfs:192.0.2.1:/export');
  });

  it.each([
    ['the directory', () => directory],
    ['a directory above', () => dirname(directory)],
    ['a directory below', () => join(directory, 'docker')],
  ])('refuses who mounts %s, and not read-only', async (_, source) => {
    mkdirSync(join(directory, 'docker'));
    await stage.idle('reader', '-v', `${source()}:/x:ro`);
    expect(await stage.refusals()).toEqual([]);
    await stage.idle('writer', '-v', `${source()}:/x`);
    const [refusal, ...others] = await stage.refusals();
    expect(refusal).toContain(`${directory}: the container ${name('writer')} (busybox) may write there, too`);
    expect(refusal).toContain(`it mounts ${source()} on /x`);
    expect(others).toEqual([]);
  });

  it('refuses who mounts the directory as another volume, or what the engine has around its mountpoint', async () => {
    const twin = await bound('twin');
    await stage.idle('twin', '-v', `${twin}:/x`);
    const around = dirname(await mountpoint());
    const above = await stage.idle('above', '-v', `${around}:/x`);
    await docker('exec', above, 'touch', '/x/_data/written');
    expect(existsSync(join(directory, 'written'))).toBe(true);
    const refusals = await stage.refusals();
    expect(refusals).toHaveLength(2);
    expect(refusals.join('\n')).toContain(`it mounts the volume ${twin} on /x`);
    expect(refusals.join('\n')).toContain(`it mounts ${around} on /x`);
  });

  it('lets in a cleaner that mounts the directory', async () => {
    const self = await cleaner(directory);
    const { state } = await stage.look({ self, container: name('registry') });
    expect(state.refusals).toEqual([]);
    expect(state.root).toBe(directory);
  });

  it('tells a cleaner without it to mount the volume', async () => {
    const self = await stage.idle('cleaner', '--network', stage.scene.network);
    const refusals = await stage.refusals({ self, container: name('registry') });
    expect(refusals).toEqual([
      expect.stringContaining(`in the volume ${volume}, which is not mounted in the cleaner`),
    ]);
  });

  it.each([
    ['the directory', async () => directory],
    ['another volume that is the directory', () => bound('twin')],
  ])('takes a declared stand-in that mounts %s', async (_, source) => {
    const id = await stage.scene.run(
      name('stand-in'),
      ...['--network', stage.scene.network, ...stage.service('stand-in')],
      ...['--label', 'registry-cleanup.role=readonly', '-v', `${await source()}:/data`],
      ...['-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data'],
      '-e',
      'REGISTRY_STORAGE_MAINTENANCE={"readonly":{"enabled":true},"uploadpurging":{"enabled":false}}',
      'registry:2',
    );
    const { state, ground } = await stage.look();
    expect(state.refusals).toEqual([]);
    expect(ground?.declared?.id).toBe(id);
  });

  it('is kept from a throw-away instance', async () => {
    writeFileSync(join(directory, 'kept'), '');
    const signal = AbortSignal.timeout(60_000);
    const trial = await tryReadonly(await ground(), { runId: '20260101T000000-1', signal }, async () => {
      const { Id } = (await inspected(name('registry'))) ?? { Id: '' };
      return docker('exec', `registry-cleanup-trial-${Id.slice(0, 12)}`, 'ls', '/data');
    });
    expect(trial).toEqual({ answer: '' });
  });

  it('breaks the fence by who mounts the directory', async () => {
    const found = await ground();
    await docker('stop', '-t', '0', found.live.id);
    await stage.idle('reader', '-v', `${directory}:/x:ro`);
    expect(await storageBreach(found, [])).toBeUndefined();
    const writer = await stage.idle('writer', '-v', `${directory}:/x`);
    expect(await storageBreach(found, [])).toMatch(`the container ${name('writer')} (busybox) runs`);
    expect(await storageBreach(found, [writer])).toBeUndefined();
  });

  it('tells what a run left over the directory', async () => {
    const mounted = ['-v', `${directory}:/x`, '--label', 'registry-cleanup.run=20260101T000000-1'];
    await stage.idle('left', ...mounted);
    const { state } = await stage.look();
    expect(state.refusals).toEqual([]);
    expect(state.warnings).toEqual([expect.stringContaining(`${name('left')} was made by run`)]);
  });
});

describe('a live registry in the directory', () => {
  beforeEach(async () => {
    await registryIn(directory);
  });

  it('refuses who mounts the volume, and not read-only', async () => {
    await stage.idle('reader', '-v', `${volume}:/x:ro`);
    expect(await stage.refusals()).toEqual([]);
    await stage.idle('writer', '-v', `${volume}:/x`);
    const [refusal, ...others] = await stage.refusals();
    expect(refusal).toContain(`it mounts the volume ${volume} on /x`);
    expect(others).toEqual([]);
  });

  it('lets in a cleaner that mounts the volume', async () => {
    const self = await cleaner(volume);
    const { state } = await stage.look({ self, container: name('registry') });
    expect(state.refusals).toEqual([]);
    expect(state.root).toBe(directory);
  });

  it('breaks the fence by who mounts the volume', async () => {
    const found = await ground();
    await docker('stop', '-t', '0', found.live.id);
    await stage.idle('writer', '-v', `${volume}:/x`);
    expect(await storageBreach(found, [])).toContain(`it mounts the volume ${volume} on /x`);
  });
});
