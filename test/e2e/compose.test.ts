import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { docker, inspected, leftBehind, standing } from './support/docker.ts';
import { tagsOf } from './support/images.ts';
import { Project } from './support/project.ts';

/* The Compose file of this repository, its image, and images that are really built, pushed and pulled. */

let project: Project;
const images: string[] = [];
beforeEach(async () => {
  project = await Project.open();
});
afterEach(async () => {
  await project[Symbol.asyncDispose]();
  const ours = images.splice(0);
  if (ours.length > 0) await docker('rmi', '-f', ...new Set(ours));
});

/** What the registry container is to those who use it, and where its storage is. */
async function registry() {
  const id = await project.container('registry');
  const found = await inspected(id);
  const root = found?.Mounts.find(({ Destination }) => Destination === '/var/lib/registry')?.Source ?? '';
  return { id, root };
}

/** `docker build` and `docker push`, as people do it. Returns the digest that was pushed. */
async function buildAndPush(name: string, dockerfile: string, content: string): Promise<string> {
  const directory = join(project.directory, 'build');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
  writeFileSync(join(directory, 'content'), content);
  const tag = `localhost:${project.port}/${name}`;
  images.push(tag);
  await docker('build', '-q', '-t', tag, directory);
  const said = await docker('push', tag);
  return /digest: (sha256:[0-9a-f]{64})/.exec(said)?.[1] ?? said;
}

/** Forgets the image here, and pulls it. Returns the digest that it has. */
async function pulled(name: string): Promise<string> {
  const tag = `localhost:${project.port}/${name}`;
  await docker('rmi', '-f', tag).catch(() => '');
  images.push(tag);
  return /Digest: (sha256:[0-9a-f]{64})/.exec(await docker('pull', tag))?.[1] ?? '';
}

const scratch = 'FROM scratch\nCOPY content /content\nCMD ["/content"]\n';

it('the commands of the README clean what the noise maker pushed, and every tag still pulls', async () => {
  await project.up('registry');
  await project.must('run', '--rm', 'noise', '25');
  const container = await registry();
  const before = await standing(container.id);
  const started = (await inspected(container.id))?.State.StartedAt;

  const dryRun = await project.compose('run', '--rm', 'cleanup', '--dry-run');
  expect(dryRun).toMatchObject({ exitCode: 0 });
  expect((await inspected(container.id))?.State.StartedAt).toBe(started);

  const tags = await tagsOf(project.url);
  expect(tags.length).toBeGreaterThan(5);
  const run = await project.compose('run', '--rm', 'cleanup');
  expect(run).toMatchObject({ exitCode: 0 });
  expect(run.stdout).toContain('[ Data summary : Before cleanup ]');
  expect(run.stdout).toContain('[ Data summary : After cleanup ]');
  expect(await tagsOf(project.url)).toEqual(tags);
  expect(await standing(container.id)).toEqual(before);
  expect(await leftBehind(container)).toEqual([]);

  for (const { name, tag, digest, runs } of tags.filter((one) => one.runs))
    expect(`${name}:${tag} ${runs} ${await pulled(`${name}:${tag}`)}`).toBe(`${name}:${tag} true ${digest}`);
  await buildAndPush('after:1', scratch, 'after');
});

describe('images that are built, pushed and overwritten', () => {
  it('leave an empty registry alone', async () => {
    await project.up('registry');
    const { id } = await registry();
    const started = (await inspected(id))?.State.StartedAt;
    const run = await project.compose('run', '--rm', 'cleanup');
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.stdout).toContain('empty');
    expect((await inspected(id))?.State.StartedAt).toBe(started);
  });

  it('go when a later build has their tag', async () => {
    await project.up('registry');
    let last = '';
    for (let build = 1; build <= 4; build++)
      last = await buildAndPush('app:latest', scratch, `build ${build}`);
    const run = await project.compose('run', '--rm', '-T', 'cleanup', 'run', '--json');
    expect(JSON.parse(run.stdout)).toMatchObject({
      exitCode: 0,
      before: { tags: 1, manifests: 4 },
      after: { tags: 1, manifests: 1, blobs: 3 },
    });
    expect(await pulled('app:latest')).toBe(last);
    expect(await buildAndPush('app:latest', scratch, 'build 5')).toMatch(/^sha256:/);
  });

  it('keep the layers of a base that was overwritten, as long as an image is built on it', async () => {
    await project.up('registry');
    const base = `FROM localhost:${project.port}/base:1\nCOPY content /more\n`;
    await buildAndPush('base:1', scratch, 'old base');
    const child = await buildAndPush('child:1', base, 'child');
    const newBase = await buildAndPush('base:1', scratch, 'new base');
    const crossed = await buildAndPush('child:2', base, 'second child');
    const run = await project.compose('run', '--rm', '-T', 'cleanup', 'run', '--json');
    expect(JSON.parse(run.stdout)).toMatchObject({ exitCode: 0, removed: { manifests: 1 } });
    expect(await pulled('child:1')).toBe(child);
    expect(await pulled('child:2')).toBe(crossed);
    expect(await pulled('base:1')).toBe(newBase);
  });
});
