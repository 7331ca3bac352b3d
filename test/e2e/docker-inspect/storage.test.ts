import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { docker } from '../support/docker.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage[Symbol.asyncDispose]());

/** A cleaner's container with these mounts, and what is refused when it looks. */
async function refusedIn(mounts: readonly string[], writes = true): Promise<readonly string[]> {
  const self = await stage.idle(
    'cleaner',
    '--network',
    stage.scene.network,
    ...stage.service('cleanup'),
    ...mounts,
  );
  return stage.refusals({ self, writes });
}

describe('on the host', () => {
  it('takes a directory that is mounted from there', async () => {
    const registry = await stage.registry({ storage: 'bind' });
    const { state, ground } = await stage.look();
    expect(state.refusals).toEqual([]);
    expect(state.root).toBe(registry.root);
    expect(ground?.hostPath).toBe(registry.root);
  });

  it('follows rootdirectory below the mount', async () => {
    const root = ['-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/var/lib/registry/deep/er'];
    const registry = await stage.registry({ storage: 'bind', flags: root });
    expect(await stage.refusals()).toEqual([expect.stringMatching(/deep\/er: .* cannot be opened \(ENOENT/)]);
    mkdirSync(join(registry.root, 'deep/er'), { recursive: true });
    expect((await stage.look()).state.root).toBe(join(registry.root, 'deep/er'));
  });

  it('refuses data that lies in no mount', async () => {
    await stage.registry({ flags: ['-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data'] });
    expect(await stage.refusals()).toEqual([expect.stringContaining('Mount a volume there')]);
  });

  it('refuses data that lies in memory', async () => {
    const flags = [
      '-e',
      'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/memory',
      '--mount',
      'type=tmpfs,target=/memory',
    ];
    await stage.registry({ flags });
    expect(await stage.refusals()).toEqual([expect.stringContaining('kept in memory')]);
  });

  it('warns of a registry that cannot write', async () => {
    const volume = await stage.scene.addVolume();
    const flags = ['-v', `${volume}:/data:ro`, '-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data'];
    await stage.registry({ flags });
    const { state } = await stage.look();
    expect(state.refusals).toEqual([]);
    expect(state.warnings).toEqual([expect.stringContaining('read-only, so it takes no pushes')]);
  });
});

describe('in a container', () => {
  it('says what to mount, by the short name of the project', async () => {
    const volume = await stage.scene.addVolume(`${stage.project}_registry-data`);
    await stage.registry({
      flags: ['-v', `${volume}:/data`, '-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data'],
    });
    const [refusal, ...others] = await refusedIn([]);
    expect(refusal).toContain(`keeps its data in the volume ${volume}, which is not mounted in the cleaner.`);
    expect(refusal).toContain('Add "registry-data:/data" to the volumes of the cleaner');
    expect(refusal).toContain(`-v ${volume}:/data`);
    expect(others).toEqual([]);
  });

  it('names both volumes where another one is mounted in its place', async () => {
    const registry = await stage.registry();
    const wrong = await stage.scene.addVolume();
    const [refusal] = await refusedIn(['-v', `${wrong}:/var/lib/registry`]);
    const right = registry.root.split('/').at(-2);
    expect(refusal).toContain(`keeps its data in the volume ${right}`);
    expect(refusal).toContain(`(/var/lib/registry is the volume ${wrong} here)`);
    expect(refusal).toContain(`Replace that by "${right}:/var/lib/registry"`);
  });

  it('refuses a read-only mount, and takes it for a dry run', async () => {
    const registry = await stage.registry();
    const volume = registry.root.split('/').at(-2);
    const mounts = ['-v', `${volume}:/data:ro`];
    const refusals = await refusedIn(mounts);
    expect(refusals[0]).toContain(`"${volume}:/data", without ":ro"`);
    const self = `${stage.scene.id}-cleaner`;
    const dry = await stage.refusals({ self, writes: false });
    // There is no /data here, where the test runs.
    expect(dry).toEqual([expect.stringMatching(/^\/data: .*cannot be opened/)]);
  });

  it('sees the storage through a directory above it', async () => {
    const registry = await stage.registry({ storage: 'bind' });
    const refusals = await refusedIn(['-v', `${stage.scene.directory}:/above`]);
    expect(registry.root).toBe(join(stage.scene.directory, 'storage'));
    expect(refusals).toEqual([expect.stringMatching(/^\/above\/storage: .*cannot be opened/)]);
  });

  it('does not take a part of the storage for all of it', async () => {
    const registry = await stage.registry({ storage: 'bind' });
    mkdirSync(join(registry.root, 'docker'));
    const [refusal] = await refusedIn(['-v', `${registry.root}/docker:/var/lib/registry/docker`]);
    expect(refusal).toContain('is not mounted in the cleaner');
  });

  it('refuses a link that leads out of the mount', async () => {
    // The cleaner has it where the test has it, too.
    const { directory } = stage.scene;
    mkdirSync(join(directory, 'storage'));
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync('../elsewhere', join(directory, 'storage/link'));
    await stage.registry({
      storage: 'bind',
      flags: ['-e', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/var/lib/registry/link'],
    });
    const refusals = await refusedIn(['-v', `${directory}/storage:${directory}/storage`]);
    expect(refusals).toEqual([expect.stringContaining(`leads out of ${directory}/storage`)]);
  });
});

it('says that an anonymous volume wants a name', async () => {
  const id = await stage.idle('self', '--network', stage.scene.network);
  const live = await stage.scene.run(
    `${stage.scene.id}-anonymous`,
    ...['--network', stage.scene.network, '--network-alias', 'registry', 'registry:2'],
  );
  const name = await docker('inspect', '-f', '{{.Name}}', live);
  const refusals = await stage.refusals({ self: id, container: name.slice(1) });
  expect(refusals[0]).toContain(`volumes_from: ["container:${name.slice(1)}"]`);
});
