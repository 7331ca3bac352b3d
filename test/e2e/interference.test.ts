import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { diff, snapshot } from '../support/tree.ts';
import { docker, inspected, leftBehind, standing } from './support/docker.ts';
import { expectOpen, expectWhole, fill } from './support/images.ts';
import { buildOddRegistry, lingering } from './support/odd-registry.ts';
import { freePort, Scene } from './support/scene.ts';

/* Somebody does something in the middle of a run that makes writing possible again. */

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

describe.each(['rehearsal-hangs', 'collector-hangs'])('in the middle of a run (%s)', (what) => {
  it('a live registry that is started by hand ends it: nothing more is deleted, and it runs', async () => {
    const registry = await scene.registry({ image: odd, flags: ['-e', `TEST_ODD=${what}`] });
    const held = await fill(registry.url);
    const before = await standing(registry.name);
    const run = scene.clean(registry);
    const standIn = await hanging(registry);
    await docker('start', registry.name);
    const byHand = (await inspected(registry.name))?.State.StartedAt;
    const then = snapshot(registry.root);
    const { report } = await run;
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(report.error?.message).toContain(registry.name);
    expect(diff(then, snapshot(registry.root))).toEqual([]);
    expect(await inspected(standIn)).toBeUndefined();
    expect(await standing(registry.name)).toEqual(before);
    // Started once more, so that it remembers nothing of what went before it came.
    expect((await inspected(registry.name))?.State.StartedAt).not.toBe(byHand);
    expect(await leftBehind(registry)).toEqual([]);
    const url = await scene.urlOf(registry.name);
    await expectWhole(url, held);
    await expectOpen(url);
  });

  it('another container that may write ends it, and goes on', async () => {
    const port = await freePort();
    const flags = ['-e', `TEST_ODD=${what}`, '-p', `127.0.0.1:${port}:5000`];
    const registry = await scene.registry({ image: odd, flags });
    const held = await fill(registry.url);
    const before = await standing(registry.name);
    const run = scene.clean(registry);
    await hanging(registry);
    await scene.run(
      `${scene.id}-writer`,
      '-v',
      `${registry.root}/docker:/data`,
      'busybox:latest',
      'sleep',
      '300',
    );
    const { report } = await run;
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(report.error?.message).toContain(`${scene.id}-writer`);
    expect(await standing(registry.name)).toEqual(before);
    expect((await inspected(`${scene.id}-writer`))?.State.Running).toBe(true);
    await expectWhole(await scene.urlOf(registry.name), held);
  });
});

it('a container that only reads is nobody’s business', async () => {
  const registry = await scene.registry({ image: odd, flags: ['-e', 'TEST_ODD=collector-slow'] });
  await fill(registry.url);
  const run = scene.clean(registry);
  for (let attempt = 0; attempt < 300 && (await leftBehind(registry)).length === 0; attempt++)
    await sleep(50);
  await scene.run(`${scene.id}-reader`, '-v', `${registry.root}:/data:ro`, 'busybox:latest', 'sleep', '300');
  expect((await run).report).toMatchObject({ outcome: 'ok', exitCode: 0 });
});

describe('a live registry that is removed in the middle of a run', () => {
  const flags = ['--restart', 'always', '-e', 'TEST_ODD=collector-lingers'];

  it('is told, loudest and last, and brought back by recover once it was made again', async () => {
    const registry = await scene.registry({ image: odd, flags });
    const held = await fill(registry.url);
    const run = scene.cleaner(registry, ['run']);
    const { goOn } = await lingering(registry);
    await docker('rm', '-f', registry.name);
    await goOn();
    const { exitCode, stdout } = await run;
    expect(exitCode, stdout).toBe(20);
    expect(stdout).toContain('must be made again');
    expect(stdout.trimEnd().split('\n').at(-1)).toContain(`docker start ${registry.name}`);
    const id = await again(registry, 'unless-stopped');
    expect(await scene.cleaner(registry, ['recover'])).toMatchObject({ exitCode: 0 });
    // It keeps the policy that it was made with.
    expect(await inspected(registry.name)).toMatchObject({
      Id: id,
      State: { Running: true },
      HostConfig: { RestartPolicy: { Name: 'unless-stopped' } },
    });
    expect(await leftBehind(registry)).toEqual([]);
    await expectWhole(await scene.urlOf(registry.name), held);
    await expectOpen(await scene.urlOf(registry.name));
  });

  it('and made anew under its name ends the run, and is started once more', async () => {
    const registry = await scene.registry({ image: odd, flags });
    const held = await fill(registry.url);
    const run = scene.clean(registry);
    await lingering(registry);
    await docker('rm', '-f', registry.name);
    const id = await again(registry, 'always');
    const byHand = (await inspected(id))?.State.StartedAt;
    const { report } = await run;
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    const found = await inspected(registry.name);
    expect(found).toMatchObject({ Id: id, State: { Running: true } });
    expect(found?.State.StartedAt).not.toBe(byHand);
    expect(await leftBehind(registry)).toEqual([]);
    await expectWhole(await scene.urlOf(registry.name), held);
    await expectOpen(await scene.urlOf(registry.name));
  });

  /** Another container over the same storage, as `docker-compose up --force-recreate` makes it. */
  async function again({ name, root }: { readonly name: string; readonly root: string }, policy: string) {
    const network = ['--network', scene.network, '--network-alias', 'registry'];
    const storage = ['-v', `${root}:/var/lib/registry`, '--restart', policy];
    return scene.run(name, ...network, ...storage, odd);
  }
});

async function hanging(registry: { readonly root: string }): Promise<string> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const [name] = await leftBehind(registry);
    if (name !== undefined && (await docker('top', name).catch(() => '')).includes('sleep 300')) return name;
    await sleep(100);
  }
  throw new Error('no collector hangs');
}
