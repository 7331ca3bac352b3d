import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { get } from '../support/process-runtime.ts';
import { configFor, program, report, temporaryDirectory } from '../support/program.ts';
import { noise, pushImage, pushMultiArch, startUpload } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { type DiskKind, diskKinds, type SmallDisk, smallDisk } from '../support/small-disk.ts';
import { diff, snapshot, stateDirectory } from '../support/tree.ts';
import { beforeCollecting } from '../support/wrapper.ts';

const clean = { revisions: [], layerLinks: [], tagHistory: [], blobs: [] };

interface Scene extends AsyncDisposable {
  readonly disk: SmallDisk;
  readonly registry: TestRegistry;
  /** Names in the state directory. */
  own(): readonly string[];
}

/** A live registry on a disk of its own, with something to remove beside what must stay. */
async function sceneOn(kind: DiskKind): Promise<Scene> {
  const disk = smallDisk(kind);
  const registry = await startRegistry({ root: disk.path });
  const shared = noise('shared');
  for (const seed of ['one', 'two', 'three'])
    await pushImage(registry.pushUrl, 'team/app', 'latest', { seed, layers: [shared, noise(seed)] });
  for (const seed of ['old', 'new']) await pushMultiArch(registry.pushUrl, 'multi', 'v1', { seed });
  await startUpload(registry.pushUrl, 'multi', noise('an upload that nobody goes on with'));
  const state = join(disk.path, stateDirectory);
  return {
    disk,
    registry,
    own: () => (existsSync(state) ? readdirSync(state).sort() : []),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      disk[Symbol.dispose]();
    },
  };
}

/** As an earlier run leaves it, that had room. */
async function afterAnEarlierRun({ registry }: Scene): Promise<void> {
  const { outcome } = await runHere(configFor(registry, { more: { untagged: { keepWithin: '24h' } } }));
  expect(outcome).toBe('nothing-to-do');
}

async function expectCleaned({ registry, disk, own }: Scene, closures: ReturnType<typeof closure>) {
  assertNothingLost(closures, closure(registry.root));
  expect(unreachable(registry.root)).toEqual(clean);
  expect(await get(registry.url)).toBe(200);
  expect(own().filter((name) => !['reserve', 'runs'].includes(name))).toEqual([]);
  disk.empty();
  await pushImage(registry.pushUrl, 'after/it', 'v1');
}

/** Only root may mount. */
const kinds = process.geteuid?.() === 0 ? diskKinds() : [];
const long = process.env.LONG === '1';

describe.each(kinds)('a full disk (%s)', (kind) => {
  /** What differs less between file systems is tried on all of them in a long run only. */
  const further = it.runIf(kind === 'tmpfs' || long);

  it('is cleaned with what an earlier run has set aside, and that is set aside again', async () => {
    await using scene = await sceneOn(kind);
    const { disk, registry } = scene;
    await afterAnEarlierRun(scene);
    const closures = closure(registry.root);
    const reserve = join(disk.path, stateDirectory, 'reserve');
    const aside = readdirSync(reserve);
    disk.fill();
    expect(disk.free().bytes).toBe(0);
    const examined = await program(['doctor', '--config', configFor(registry), '--json']);
    expect(JSON.parse(examined.stdout).checks).toContainEqual(
      expect.objectContaining({
        id: 'space',
        outcome: 'notice',
        text: expect.stringContaining('256 KiB of its disk set aside'),
        findings: [
          expect.objectContaining({ text: expect.stringContaining(' is full: pushes fail, while a run') }),
        ],
      }),
    );

    const document = await runHere(configFor(registry));

    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, error: null, warnings: [] });
    expect(document.removed.manifests).toBeGreaterThan(0);
    expect(readdirSync(reserve)).toEqual(aside);
    expect(scene.own()).toEqual(['reserve', 'runs']);
    await expectCleaned(scene, closures);
  });

  further('is cleaned when it has no inode left', async () => {
    await using scene = await sceneOn(kind);
    await afterAnEarlierRun(scene);
    const closures = closure(scene.registry.root);
    scene.disk.fillInodes();
    expect(scene.disk.free().files).toBe(0);
    expect(await runHere(configFor(scene.registry))).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      error: null,
    });
    await expectCleaned(scene, closures);
  });

  further(
    'is cleaned when temporary files would lie on it, and nothing of it is given up for them',
    async () => {
      await using scene = await sceneOn(kind);
      const { disk, registry } = scene;
      using elsewhere = temporaryDirectory();
      const closures = closure(registry.root);
      const env = { TMPDIR: mkdtempSync(join(disk.path, '../tmp-')) };
      const config = configFor(registry, { more: { state: { directory: elsewhere.path } } });
      disk.fill();
      const { report: document } = await report('run', config, [], { env });
      expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, error: null });
      await expectCleaned(scene, closures);
    },
  );

  further('is left as it is by a first run, which has set nothing aside and says what to do', async () => {
    await using scene = await sceneOn(kind);
    const { disk, registry } = scene;
    disk.fill();
    const before = snapshot(disk.path, { ignoreState: false });
    const { pid } = registry;
    const examined = await program(['doctor', '--config', configFor(registry), '--json']);
    expect(examined.exitCode).toBe(1);
    expect(examined.stdout).toMatch(/No byte is free for .*, and no run has set any aside/);
    const document = await runHere(configFor(registry));
    expect(document).toMatchObject({ outcome: 'failed', exitCode: 1, error: { code: 'STATE_NO_ROOM' } });
    expect(document.error?.message).toContain(`${join(disk.path, stateDirectory, 'lock')}: no space left`);
    expect(document.error?.hint).toContain('state.directory (CLEANUP_STATE_DIRECTORY)');
    expect(document.steps.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      'preflight ok',
      'lock failed',
    ]);
    const changed = diff(before, snapshot(disk.path, { ignoreState: false }));
    expect(changed.filter(({ path, what }) => path !== '' || !what.startsWith('time'))).toEqual([]);
    expect(registry.pid).toBe(pid);
  });

  further('is cleaned by a first run whose state is on another disk', async () => {
    await using scene = await sceneOn(kind);
    const { disk, registry } = scene;
    using elsewhere = temporaryDirectory();
    const closures = closure(registry.root);
    disk.fill();
    const config = configFor(registry, {
      more: { state: { directory: join(elsewhere.path, 'state') } },
    });
    expect(await runHere(config)).toMatchObject({ outcome: 'ok', exitCode: 0, error: null });
    expect(readdirSync(join(elsewhere.path, 'state')).sort()).toEqual(['reserve', 'runs']);
    expect(scene.own()).toEqual([]);
    await expectCleaned(scene, closures);
  });

  it('does not keep a registry closed whose run was killed: recover brings it back, and the next run cleans', async () => {
    await using scene = await sceneOn(kind);
    const { disk, registry } = scene;
    await afterAnEarlierRun(scene);
    const closures = closure(registry.root);
    using collecting = gateIn(mkdtempSync(join(registry.directory, 'gate-')), 'collect');
    const slow = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    disk.fill();
    const cli = join(import.meta.dirname, '../../src/cli.ts');
    const child = spawn(process.execPath, [cli, 'run', '--config', slow], { stdio: 'ignore' });
    const ended = once(child, 'close');
    await collecting.reached(ended);
    child.kill('SIGKILL');
    await ended;
    // Whatever the dead run has freed is taken by somebody else.
    disk.fill();
    expect(disk.free().bytes).toBe(0);

    const recovered = await program(['recover', '--config', slow, '--json']);

    expect(recovered.exitCode, recovered.stdout + recovered.stderr).toBe(0);
    expect(await get(registry.url)).toBe(200);
    expect(scene.own()).toEqual(['reserve', 'runs']);
    expect(await runHere(configFor(registry))).toMatchObject({ exitCode: 0, error: null });
    await expectCleaned(scene, closures);
  });
});
