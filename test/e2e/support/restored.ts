import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { steps } from '../../../src/pipeline/steps.ts';
import { docker, inspected, leftBehind, standing } from './docker.ts';
import { expectOpen, expectWhole, fill, type Held } from './images.ts';
import { type Place, places, seed } from './kill-points.ts';
import { buildOddRegistry } from './odd-registry.ts';
import { freePort, type RegistryContainer, type RegistryContainerOptions, Scene } from './scene.ts';

/* After success, failure, interruption and death the live registry is what it was, and nothing of ours is left. */

const odd = `rc-odd-registry:${randomBytes(4).toString('hex')}`;

/** The same for each of them, in a file each: they take long, and files run side by side. */
export function describeRestored(place: Place): void {
  beforeAll(() => buildOddRegistry(odd));
  afterAll(async () => {
    await docker('rmi', odd);
  });

  describe(`a registry behind its ${place}`, () => restored(place));
}

function restored(place: Place): void {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.open();
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  interface Setting {
    readonly registry: RegistryContainer;
    readonly held: Held;
    readonly before: unknown;
  }

  async function setting(what: string, options: RegistryContainerOptions = {}): Promise<Setting> {
    const port = place === 'port' ? ['-p', `127.0.0.1:${await freePort()}:5000`] : [];
    const flags = ['--restart', 'always', '-e', `TEST_ODD=${what}`, ...port, ...(options.flags ?? [])];
    const registry = await scene.registry({ ...options, image: odd, flags });
    const held = await fill(registry.url);
    return { registry, held, before: await standing(registry.name) };
  }

  async function expectRestored({ registry, held, before }: Setting): Promise<void> {
    expect(await standing(registry.name)).toEqual(before);
    expect(await leftBehind(registry)).toEqual([]);
    const url = await scene.urlOf(registry.name);
    await expectWhole(url, held);
    await expectOpen(url);
  }

  it('is restored after success', async () => {
    const found = await setting('');
    const { report } = await scene.clean(found.registry);
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0 });
    expect(report.removed.manifests).toBe(4);
    await expectRestored(found);
  });

  /** Every `n`th of what has little to do with the hand-over; all of it in the long run. */
  function here<T>(all: readonly T[], n = 2): readonly T[] {
    const at = places.indexOf(place);
    return all.filter((_, index) => process.env.LONG === '1' || (index + seed) % n === at);
  }

  it.each([
    ['the stand-in dies', 'stand-in-dies', 1, 'COMMAND_FAILED'],
    ['the stand-in is not read-only', 'stand-in-writes', 5, 'FENCE_FAILED'],
    ...here([
      ['the rehearsal fails', 'rehearsal-fails', 1, 'COLLECTOR_FAILED'],
      ['the collector fails', 'collector-fails', 1, 'COLLECTOR_FAILED'],
    ] as const),
  ] as const)('is restored when %s', async (_, what, exitCode, code) => {
    const found = await setting(what);
    const { report } = await scene.clean(found.registry);
    expect(report).toMatchObject({ exitCode, error: { code } });
    await expectRestored(found);
  });

  // Root without its special rights, as docker-compose.yml has the cleaner, can be kept from things.
  const plainRoot = { flags: ['--cap-drop', 'ALL'] };

  const told = expect.arrayContaining([
    expect.objectContaining({ reason: expect.stringContaining('EACCES') }),
  ]);
  it.each(
    here([
      [
        'the storage cannot be read again inside the fence',
        'stand-in-hides',
        { exitCode: 1, error: { code: 'STORAGE_FAILED' } },
      ],
      [
        'references cannot be removed, which is told',
        'stand-in-keeps',
        { exitCode: 3, removed: { manifests: 0 }, left: told },
      ],
      [
        'what the collector has emptied cannot be removed, which is told',
        'collector-keeps',
        { exitCode: 3, removed: { manifests: 4 }, left: told },
      ],
    ] as const),
  )('is restored when %s', async (_, what, ending) => {
    const found = await setting(what);
    const { report } = await scene.clean(found.registry, [], plainRoot);
    expect(report).toMatchObject(ending);
    await expectRestored(found);
  });

  it.each(here(['collector-steals']))(
    'is restored when the collector has lost something, which is told',
    async (what) => {
      const found = await setting(what);
      const { report } = await scene.clean(found.registry);
      expect(report).toMatchObject({ exitCode: 21, error: { code: 'VERIFY_FAILED' } });
      expect(await standing(found.registry.name)).toEqual(found.before);
      expect(await leftBehind(found.registry)).toEqual([]);
    },
  );

  it('that does not start again is told with the command to run by hand, last on the screen', async () => {
    const found = await setting('never-again');
    const { exitCode, stdout } = await scene.cleaner(found.registry, ['run'], {
      env: { CLEANUP_REGISTRY_START_TIMEOUT: '5s' },
    });
    expect(exitCode).toBe(20);
    expect(stdout).toContain('THE REGISTRY COULD NOT BE RESTORED');
    expect(stdout.trimEnd().split('\n').at(-1)).toContain(`docker start ${found.registry.name}`);
    expect((await inspected(found.registry.name))?.HostConfig.RestartPolicy.Name).toBe('always');
  });

  // What is before `lock` has touched nothing, and `restore` and what follows cannot be interrupted. SIGKILL comes in
  // every step (kills.ts), and SIGTERM in every step of the other runtime (test/crash).
  const interruptible = steps
    .map(({ id }) => id)
    .slice(
      steps.findIndex(({ id }) => id === 'lock'),
      -3,
    );

  it.each(here(interruptible, 4))(`is restored when SIGTERM comes in "%s" (seed ${seed})`, async (step) => {
    const found = await setting('');
    let sent = false;
    const { exitCode } = await scene.cleaner(found.registry, ['run', '--json'], {
      onSpawn: (container, child) => {
        child.stderr?.on('data', (text: Buffer) => {
          if (sent || !text.toString('utf8').includes(`[${step}] `)) return;
          sent = true;
          void docker('kill', '--signal', 'TERM', container).catch(() => undefined);
        });
      },
    });
    expect(sent).toBe(true);
    expect([143, 0]).toContain(exitCode);
    await expectRestored(found);
  });

  it.each(
    here([
      ['in the rehearsal', 'rehearsal-hangs'],
      ['in mid-collection', 'collector-hangs'],
    ] as const),
  )('is restored when the stand-in is killed %s', async (_, what) => {
    const found = await setting(what);
    const run = scene.clean(found.registry);
    await docker('kill', await hanging(found.registry));
    const { report } = await run;
    expect([1, 5]).toContain(report.exitCode);
    await expectRestored(found);
  });

  it('is restored by the next run when the cleaner is killed in mid-collection', async () => {
    const found = await setting('collector-hangs');
    let cleaner = '';
    const run = scene.cleaner(found.registry, ['run', '--json'], {
      stays: true,
      onSpawn: (container) => {
        cleaner = container;
      },
    });
    await hanging(found.registry);
    await docker('kill', cleaner);
    expect((await run).exitCode).toBe(137);
    expect((await inspected(found.registry.name))?.State.Running).toBe(false);
    const recovered = await scene.cleaner(found.registry, ['recover']);
    expect(recovered).toMatchObject({ exitCode: 0 });
    await expectRestored(found);
  });

  /** The stand-in in which the collector hangs, once it does. */
  async function hanging(registry: RegistryContainer): Promise<string> {
    for (let attempt = 0; attempt < 300; attempt++) {
      const [name] = await leftBehind(registry);
      if (name !== undefined && (await topOf(name)).includes('sleep 300')) return name;
      await sleep(100);
    }
    throw new Error('no collector hangs');
  }

  async function topOf(name: string): Promise<string> {
    return docker('top', name).catch(() => '');
  }
}
