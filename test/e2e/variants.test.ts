import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { bcryptOfSecret } from '../support/registry.ts';
import { docker, inspected, leftBehind, standing } from './support/docker.ts';
import { expectOpen, expectWhole, fill } from './support/images.ts';
import { Project } from './support/project.ts';

/* The variants in compose/, as their first lines say that they are used. */

const variant = (name: string): readonly string[] => ['docker-compose.yml', `compose/${name}.yml`];
const cleaned = { exitCode: 0, outcome: 'ok', removed: { manifests: 4 } };

async function registryOf(project: Project): Promise<{ readonly id: string; readonly root: string }> {
  const id = await project.container('registry');
  const mounts = (await inspected(id))?.Mounts ?? [];
  return { id, root: mounts.find(({ Destination }) => Destination === '/var/lib/registry')?.Source ?? '' };
}

/** Runs the service `cleanup`, and expects it to leave the registry as it was. */
async function clean(project: Project): Promise<Report> {
  const { id, root } = await registryOf(project);
  const before = await standing(id);
  const { stdout, stderr } = await project.compose('run', '--rm', '-T', 'cleanup', 'run', '--json');
  if (stdout === '') throw new Error(stderr);
  expect(await standing(id)).toEqual(before);
  expect(await leftBehind({ root })).toEqual([]);
  return JSON.parse(stdout) as Report;
}

describe('without a socket', () => {
  it('the cleaner serves pulls itself between "stop registry" and "up -d registry"', async () => {
    await using project = await Project.open(variant('without-socket'));
    await project.up('registry');
    const held = await fill(project.url);
    await project.must('stop', 'registry');
    const serving = ['--service-ports', '--use-aliases'];
    const { stdout } = await project.compose('run', '--rm', '-T', ...serving, 'cleanup', 'run', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ ...cleaned, registry: { runtime: 'process' } });
    await project.up('registry');
    await expectWhole(project.url, held);
    await expectOpen(project.url);
  });

  it('a registry that still runs is noticed, and nothing is deleted', async () => {
    await using project = await Project.open(variant('without-socket'));
    await project.up('registry');
    const held = await fill(project.url);
    // Without --service-ports, which would fail at the port already.
    const { stdout } = await project.compose(
      'run',
      '--rm',
      '-T',
      '--use-aliases',
      'cleanup',
      'run',
      '--json',
    );
    const { exitCode, removed } = JSON.parse(stdout) as Report;
    expect([5, 6]).toContain(exitCode);
    expect(removed).toMatchObject({ manifests: 0, blobs: 0 });
    await expectWhole(project.url, held);
  });
});

it('a registry that asks for a password is cleaned with the one in the secret, which nobody sees', async () => {
  await using files = await Project.open();
  const directory = join(files.directory, 'auth');
  mkdirSync(directory);
  writeFileSync(join(directory, 'htpasswd'), `cleanup:${bcryptOfSecret}\n`);
  writeFileSync(join(directory, 'password'), 'secret\n');
  await using project = await Project.open(variant('auth'), { REGISTRY_CLEANUP_AUTH: directory });
  await project.up('registry');
  const url = project.url.replace('//', '//cleanup:secret@');
  for (let build = 1; build <= 5; build++) await pushImage(url, 'app', 'latest', { seed: `build ${build}` });
  const report = await clean(project);
  expect(report).toMatchObject(cleaned);
  const { stdout } = await project.compose('run', '--rm', '-T', 'cleanup', 'config', 'show');
  expect(`${JSON.stringify(report)}${stdout}`).not.toContain('secret"');
  expect(stdout).toContain('password: "***"');
});

it('a registry behind nginx is cleaned, and pulls through nginx go on', async () => {
  await using project = await Project.open(['compose/nginx.yml']);
  await project.up('nginx', 'registry');
  const held = await fill(project.url);
  const run = clean(project);
  let asked = 0;
  const failed: number[] = [];
  const done = run.then(() => true);
  while (!(await Promise.race([done, new Promise((next) => setTimeout(() => next(false), 20))]))) {
    const response = await fetch(`${project.url}/v2/app/manifests/latest`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json', connection: 'close' },
    });
    asked++;
    if (response.status !== 200) failed.push(response.status);
    await response.arrayBuffer();
  }
  expect(await run).toMatchObject(cleaned);
  expect(asked).toBeGreaterThan(20);
  expect(failed).toEqual([]);
  await expectWhole(project.url, held);
  await expectOpen(project.url);
});

it('a registry that caches in Redis forgets what was collected', async () => {
  await using project = await Project.open(variant('redis'));
  await project.up('registry');
  const gone = await pushImage(project.url, 'app', 'latest', { seed: 'build 0' });
  const held = await fill(project.url, 3);
  expect(await clean(project)).toMatchObject(cleaned);
  const [layer = ''] = gone.blobs;
  const head = await fetch(`${project.url}/v2/app/blobs/${layer}`, { method: 'HEAD' });
  expect(head.status).toBe(404);
  await expectWhole(project.url, held);
  const again = await pushImage(project.url, 'app', 'again', { seed: 'build 0' });
  expect(again.digest).toBe(gone.digest);
  await expectWhole(project.url, { kept: [{ repository: 'app', tag: 'again', digest: gone.digest }] });
});

const hasThree = await docker('image', 'inspect', 'registry:3').then(
  () => true,
  () => false,
);

it.runIf(hasThree)('registry:3 is cleaned (needs a registry:3 image, which is not faked)', async () => {
  await using project = await Project.open(variant('v3'));
  await project.up('registry');
  const held = await fill(project.url);
  const report = await clean(project);
  expect(report).toMatchObject(cleaned);
  expect(report.registry?.version).toMatch(/^v?3\./);
  await expectWhole(project.url, held);
  await expectOpen(project.url);
});
