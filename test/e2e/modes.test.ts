import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../support/http.ts';
import { program, type Report } from '../support/program.ts';
import { aliasProject } from './support/alias-project.ts';
import { docker, inspected, leftBehind } from './support/docker.ts';
import { expectWhole, fill } from './support/images.ts';
import { expectLeftAlone, lookAt } from './support/left-alone.ts';
import { buildOddRegistry, lingering } from './support/odd-registry.ts';
import { Scene, socket } from './support/scene.ts';
import { cleaned, expectRestored, settingOf } from './support/setting.ts';

/* However a run is made: what it does to the registry, and what users see meanwhile. */

const odd = `rc-odd-registry:${randomBytes(4).toString('hex')}`;
beforeAll(() => buildOddRegistry(odd));
afterAll(async () => {
  await docker('rmi', odd);
});

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene[Symbol.asyncDispose]());

const lingers = ['-e', 'TEST_ODD=collector-lingers'];

describe('while a run is under way', () => {
  it('the stand-in is found where the registry was: by its labels, at its alias, with its log, read-only', async () => {
    const rule = `proxy.rule=${scene.id}`;
    const registry = await scene.registry({
      image: odd,
      flags: [
        ...lingers,
        ...['--label', rule, '--label', 'com.docker.compose.service=images', '--hostname', 'images'],
        ...['--log-driver', 'json-file', '--log-opt', 'max-size=123k', '--restart', 'always'],
      ],
    });
    const setting = await settingOf(registry);
    const live = await inspected(registry.name);
    const run = scene.clean(registry);
    const { name, goOn } = await lingering(registry);
    expect(await docker('ps', '--filter', `label=${rule}`, '--format', '{{.Names}}')).toBe(name);
    const standIn = await inspected(name);
    expect(standIn?.Config.Labels).toMatchObject({
      'proxy.rule': scene.id,
      'registry-cleanup.role': 'readonly',
    });
    expect(standIn?.Config.Labels).not.toHaveProperty('com.docker.compose.service');
    expect(standIn?.HostConfig.LogConfig).toEqual(live?.HostConfig.LogConfig);
    expect(standIn?.HostConfig.RestartPolicy.Name).toBe('no');
    expect(standIn?.NetworkSettings.Networks[scene.network]?.Aliases).toEqual(
      expect.arrayContaining(['registry', registry.name]),
    );
    expect((await inspected(registry.name))?.HostConfig.RestartPolicy.Name).toBe('no');
    const url = await scene.urlOf(name);
    await expectWhole(url, setting.held);
    await call(url, 'POST', '/v2/app/blobs/uploads/', [405]);
    await goOn();
    expect((await run).report).toMatchObject(cleaned);
    await expectRestored(scene, setting);
  });

  it('nobody answers where none is wanted (--no-readonly-instance), and the registry is back afterwards', async () => {
    const registry = await scene.registry({ image: odd, flags: lingers });
    const setting = await settingOf(registry);
    const run = scene.clean(registry, ['--no-readonly-instance']);
    const { name, goOn } = await lingering(registry);
    expect((await inspected(registry.name))?.State.Status).toBe('exited');
    expect(Object.keys((await inspected(name))?.NetworkSettings.Networks ?? {})).toEqual(['none']);
    const asked = fetch(`${registry.url}/v2/`, { signal: AbortSignal.timeout(2_000) });
    await expect(asked).rejects.toThrow();
    await goOn();
    const { report } = await run;
    expect(report).toMatchObject(cleaned);
    expect(report.window.unavailableSeconds).toBeGreaterThan(0);
    await expectRestored(scene, setting);
  });
});

it('a registry that is stopped is cleaned, and stays stopped', async () => {
  const registry = await scene.registry({ flags: ['--restart', 'unless-stopped'] });
  const held = await fill(registry.url);
  await docker('stop', registry.name);
  const { tree: _, ...before } = await lookAt(registry);
  const { report } = await scene.clean(registry);
  expect(report).toMatchObject(cleaned);
  expect(report.warnings.join('\n')).toContain(`its container ${registry.name} is exited`);
  const { tree: __, ...after } = await lookAt(registry);
  expect(after).toEqual(before);
  expect(await leftBehind(registry)).toEqual([]);
  expect(await docker('ps', '-aq', '--filter', `name=${registry.id.slice(0, 12)}`)).toBe('');
  await docker('start', registry.name);
  await expectWhole(await scene.urlOf(registry.name), held);
});

it('a dry run changes nothing, neither the storage nor the container', async () => {
  const registry = await scene.registry({ flags: ['--restart', 'always'] });
  await fill(registry.url);
  const before = await lookAt(registry);
  const { report } = await scene.clean(registry, ['--dry-run']);
  expect(report).toMatchObject({ ...cleaned, dryRun: true, after: null });
  await expectLeftAlone(registry, before);
});

it('a cleaner on the host finds the storage by the container, and cleans it', async (context) => {
  const registry = await scene.registry();
  if (!existsSync(registry.root)) context.skip('the volumes of the engine are not seen from here');
  const setting = await settingOf(registry);
  const { stdout, stderr } = await program(['run', '--json'], {
    env: {
      DOCKER_HOST: `unix://${socket}`,
      CLEANUP_REGISTRY_CONTAINER: registry.name,
      CLEANUP_UNTAGGED_KEEP_WITHIN: '0s',
    },
  });
  expect(stdout, stderr).not.toBe('');
  expect(JSON.parse(stdout) as Report).toMatchObject(cleaned);
  await expectRestored(scene, setting);
});

describe('a registry that nobody names', () => {
  it('is found by its label', async () => {
    // In a project of its own: elsewhere on this engine there may be others with the label.
    const project = ['--label', `com.docker.compose.project=${scene.id}`];
    const registry = await scene.registry({ flags: [...project, '--label', 'registry-cleanup.role=live'] });
    const setting = await settingOf(registry);
    const env = { CLEANUP_REGISTRY_CONTAINER: '' };
    const { report } = await scene.clean(registry, [], { flags: project, env });
    expect(report).toMatchObject(cleaned);
    await expectRestored(scene, setting);
  });

  it('is found as the service "registry" of the Compose project, behind that name alone', async () => {
    await using project = aliasProject(scene);
    const registry = await project.registry();
    const setting = await settingOf(registry);
    const sight = await lookAt(registry);
    expect(await project.cleanup('--dry-run', '--json')).toMatchObject({ ...cleaned, dryRun: true });
    await expectLeftAlone(registry, sight);
    const report = await project.cleanup('--json');
    expect(report).toMatchObject({ ...cleaned, window: { unavailableSeconds: 0 } });
    await expectRestored(scene, setting);
  });
});
