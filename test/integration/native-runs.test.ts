import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StepId } from '../../src/pipeline/steps.ts';
import { drive, nest } from '../support/drive.ts';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { gateIn } from '../support/gate.ts';
import { at } from '../support/layout.ts';
import { closure, unreachable } from '../support/oracle.ts';
import { post } from '../support/process-runtime.ts';
import { type ConfigOptions, configFor, program, type Report } from '../support/program.ts';
import {
  bytesOf,
  mediaTypes,
  noise,
  type Pushed,
  pushBlob,
  pushImage,
  pushManifest,
} from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { count, snapshot, walk } from '../support/tree.ts';
import { blockUntil, isServing, turning } from '../support/turncoat.ts';
import { isUnderItsScript } from '../support/untouched.ts';
import { beforeStopping } from '../support/wrapper.ts';

const native = { collector: 'native' };

freshTmpdir();

describe('a run with the native collector', () => {
  it('removes what nobody needs, is measured, and puts every blob on record; the registry is fresh', async () => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    const before = count(registry.root);
    const { pid } = registry;

    const report = await runTold(configFor(registry, { more: native }));

    const after = count(registry.root);
    expect(report).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      warnings: [],
      before,
      after,
      removed: { manifests: 2, layerLinks: 4, blobs: 6, bytes: before.bytes - after.bytes },
      collector: { name: 'native', deleteUntagged: false, rehearsed: false },
    });
    expect(report.steps.find(({ id }) => id === 'rehearse')).toMatchObject({ outcome: 'skipped' });
    expect(unreachable(registry.root)).toEqual(nothing);
    expect(closure(registry.root).get('team/app:latest')).toMatchObject({
      target: latest.digest,
      damaged: [],
    });
    expect(registry.pid).not.toBe(pid);
    expect(isUnderItsScript(registry)).toBe(true);
    expect(await blobsOnRecord(registry)).toEqual(
      [oldest, older].flatMap(({ digest, blobs }) => [digest, ...blobs]).sort(),
    );
    // It does not remember what is gone.
    const again = await pushImage(registry.pushUrl, 'team/app', 'again', { seed: 'oldest' });
    expect(closure(registry.root).get('team/app:again')).toMatchObject({ target: again.digest, damaged: [] });
  });

  it('lets go on what was pushed without its manifest within untagged.keepWithin, and takes it with 0s', async () => {
    await using registry = await startRegistry();
    const { pushUrl, root } = registry;
    await threeRounds(registry);
    ageAll(root);
    const layer = noise('pushed so far', 2_000);
    const config = bytesOf('{"architecture":"amd64","os":"linux","pushed":"so far"}');
    const blobs = [
      await pushBlob(pushUrl, 'half/pushed', config),
      await pushBlob(pushUrl, 'half/pushed', layer),
    ];
    const { image, config: configType, layer: layerType } = mediaTypes.oci;
    const manifest = {
      schemaVersion: 2,
      mediaType: image,
      config: { mediaType: configType, digest: blobs[0], size: config.length },
      layers: [{ mediaType: layerType, digest: blobs[1], size: layer.length }],
    };

    const report = await runTold(
      configFor(registry, { more: { ...native, untagged: { keepWithin: '1h' } } }),
    );

    expect(report).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      removed: { manifests: 2, blobs: 6 },
      young: { blobs: 2, bytes: config.length + layer.length, keepWithin: '1h' },
    });
    await pushManifest(pushUrl, 'half/pushed', 'v1', manifest);
    expect(closure(root).get('half/pushed:v1')).toMatchObject({ damaged: [] });

    const doomed = await pushBlob(pushUrl, 'half/pushed', noise('nobody goes on with it'));
    expect(await runTold(configFor(registry, { more: native }))).toMatchObject({
      outcome: 'ok',
      removed: { blobs: 1, layerLinks: 1 },
      young: { blobs: 0, bytes: 0 },
    });
    expect(snapshot(root).has(at.blob(doomed))).toBe(false);
    expect(closure(root).get('half/pushed:v1')).toMatchObject({ damaged: [] });
  });

  it('keeps what is pushed, and tagged again, between its first look and the fence', async () => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    const orphan = await pushBlob(registry.pushUrl, 'team/app', noise('pushed before, without a manifest'));
    using stopping = gateIn(registry.directory, 'stop');
    const live = beforeStopping(registry, stopping.script);
    await using running = runTold(configFor(registry, { live, more: native }));
    await stopping.reached(running);
    const { pushUrl } = registry;
    const layers = [noise('oldest'), noise('pushed before, without a manifest')];
    const fresh = await pushImage(pushUrl, 'elsewhere', 'fresh', { layers });
    await pushImage(pushUrl, 'team/app', 'rescued', { seed: 'oldest' });
    stopping.open();

    expect(await running).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1 } });
    const after = closure(registry.root);
    expect(after.get('elsewhere:fresh')).toMatchObject({ target: fresh.digest, damaged: [] });
    expect(after.get('team/app:rescued')).toMatchObject({ target: oldest.digest, damaged: [] });
    expect(after.get('team/app:latest')).toMatchObject({ target: latest.digest, damaged: [] });
    const left = snapshot(registry.root);
    expect(left.has(at.blob(orphan))).toBe(true);
    expect(left.has(at.blob(older.digest))).toBe(false);
  });
});

describe('behind the fence of a run with the native collector', () => {
  it.each(['collect', 'tidy', 'verify'] as const)(
    'a tag that somebody moves back before %s ends it: with 5 while its image is there, with 21 afterwards',
    async (step) => {
      await using registry = await startRegistry();
      const { oldest } = await threeRounds(registry);
      const { blobs } = count(registry.root);
      const report = await whenBegins(registry, step, () => {
        const current = join(registry.root, at.current('team/app', 'latest'));
        writeFileSync(current, oldest.digest);
      });
      expect(report).toMatchObject({ exitCode: step === 'collect' ? 5 : 21 });
      expect(report.error?.code).toBe(step === 'collect' ? 'FENCE_FAILED' : 'VERIFY_FAILED');
      if (step === 'collect') expect(count(registry.root).blobs).toBe(blobs);
      await expectBack(registry);
    },
  );

  it('a stand-in that takes pushes by now ends it with exit 5 before the sweep, and no blob is gone', async () => {
    await using registry = await startRegistry();
    await threeRounds(registry);
    const { blobs } = count(registry.root);
    const turncoat = turning(registry);
    const report = await whenBegins(registry, 'collect', turncoat.turn, { binary: turncoat.binary });
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(report.error?.message).toContain('accepted an upload');
    expect(count(registry.root).blobs).toBe(blobs);
    await expectBack(registry);
  });

  it('a registry that somebody starts while blobs are swept ends it with exit 5, and is started afresh', async () => {
    await using registry = await startRegistry();
    const { latest } = await threeRounds(registry);
    let started: number | undefined;
    const report = await runTold(configFor(registry, { more: { ...native, readonlyInstance: false } }), {
      onEvent(event) {
        if (event.type !== 'step-ended' || event.id !== 'collect') return;
        execFileSync(join(registry.directory, 'live'), ['start']);
        blockUntil(() => isServing(registry.pid, registry.port));
        started = registry.pid;
      },
    });
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(report.error?.message).toContain(`(pid ${started})`);
    expect(registry.pid).not.toBe(started);
    expect(closure(registry.root).get('team/app:latest')).toMatchObject({
      target: latest.digest,
      damaged: [],
    });
    await expectBack(registry);
  });

  it('a tag that somebody adds before verify ends it with exit 5, and nothing is lost', async () => {
    await using registry = await startRegistry();
    const { latest } = await threeRounds(registry);
    const report = await whenBegins(registry, 'verify', () => {
      writeLink(join(registry.root, at.current('team/app', 'late')), latest.digest);
    });
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(report.error?.details.concat(report.error.message).join('\n')).toContain('tags/late/current/link');
    expect(closure(registry.root).get('team/app:latest')).toMatchObject({ damaged: [] });
    await expectBack(registry);
  });

  it('a tag that somebody adds where nothing is cleaned ends it with exit 5 all the same', async () => {
    await using registry = await startRegistry();
    await threeRounds(registry);
    const { digest } = await pushImage(registry.pushUrl, 'quiet/app', 'v1', { seed: 'quiet' });
    const report = await whenBegins(registry, 'tidy', () => {
      writeLink(join(registry.root, at.current('quiet/app', 'late')), digest);
    });
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(report.error?.details.concat(report.error.message).join('\n')).toContain('tags/late/current/link');
    expect(report.steps.find(({ id }) => id === 'verify-live')).toMatchObject({ outcome: 'failed' });
    await expectBack(registry);
  });

  it('an image that somebody adds where nothing is cleaned ends it with exit 5 before the sweep, and no blob is gone', async () => {
    await using registry = await startRegistry();
    const { oldest } = await threeRounds(registry);
    await pushImage(registry.pushUrl, 'quiet/app', 'v1', { seed: 'quiet' });
    const { blobs } = count(registry.root);
    const revision = join(registry.root, at.revision('quiet/app', oldest.digest));
    const report = await whenBegins(registry, 'collect', () => writeLink(revision, oldest.digest));
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(report.error?.details.concat(report.error.message).join('\n')).toContain(revision);
    expect(count(registry.root).blobs).toBe(blobs);
    await expectBack(registry);
  });

  it('a tag that somebody moves where nothing is cleaned ends it with exit 5 once the registry is back', async () => {
    await using registry = await startRegistry();
    await threeRounds(registry);
    const one = await pushImage(registry.pushUrl, 'quiet/app', 'v1', { seed: 'one' });
    const two = await pushImage(registry.pushUrl, 'quiet/app', 'v2', { seed: 'two' });
    const current = join(registry.root, at.current('quiet/app', 'v1'));
    const report = await whenBegins(registry, 'collect', () => writeFileSync(current, two.digest));
    expect(report).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(report.error?.details.concat(report.error.message).join('\n')).toContain(current);
    expect(report.steps.find(({ id }) => id === 'verify-live')).toMatchObject({ outcome: 'failed' });
    const left = snapshot(registry.root);
    for (const { digest, blobs } of [one, two])
      for (const blob of [digest, ...blobs]) expect(left.has(at.blob(blob))).toBe(true);
    await expectBack(registry);
  });

  it.each([
    ['a revision link', (image: Pushed) => at.revision('team/app', image.digest), 'verify'],
    ['a layer link', (image: Pushed) => at.layer('team/app', image.blobs[1] ?? ''), 'verify-live'],
    ['a blob', (image: Pushed) => at.blob(image.blobs[1] ?? ''), 'verify-live'],
    ['a manifest', (image: Pushed) => at.blob(image.digest), 'verify-live'],
  ] as const)('%s that must stay and is gone ends it with exit 21', async (_what, pathOf, foundBy) => {
    await using registry = await startRegistry();
    const { latest } = await threeRounds(registry);
    const path = join(registry.root, pathOf(latest));
    const report = await whenBegins(registry, 'tidy', () => rmSync(path));
    expect(report).toMatchObject({ outcome: 'lost', exitCode: 21, error: { code: 'VERIFY_FAILED' } });
    expect(report.error?.details.join('\n')).toContain(path);
    expect(report.steps.find(({ id }) => id === foundBy)).toMatchObject({ outcome: 'failed' });
    await expectBack(registry);
  });
});

it('of a run that is killed after it has swept, every blob is on record, and what it left open is recovered', async () => {
  await using registry = await startRegistry();
  const { oldest, older, latest } = await threeRounds(registry);
  const configFile = configFor(registry, { more: native });
  using place = nest();
  const sends = [{ step: 'tidy', at: 'start', signal: 'SIGKILL' }] as const;
  expect(await drive({ configFile, sends }, place)).toMatchObject({ signal: 'SIGKILL' });
  const { stdout } = await program(['runs', '--json', '--config', configFile]);
  expect(JSON.parse(stdout).runs).toMatchObject([
    { state: 'killed', doing: 'when it swept blobs, or thereafter' },
  ]);
  expect(await blobsOnRecord(registry)).toEqual(
    [oldest, older].flatMap(({ digest, blobs }) => [digest, ...blobs]).sort(),
  );
  const options = { env: { TMPDIR: place.path } };
  expect(await program(['recover', '--config', configFile], options)).toMatchObject({ exitCode: 0 });
  expect(place.left()).toEqual([]);
  expect(closure(registry.root).get('team/app:latest')).toMatchObject({ target: latest.digest, damaged: [] });
  await expectBack(registry);
});

describe('once the registry is back', () => {
  it('what users push and delete is no loss, and what they push may show in the figures', async () => {
    await using registry = await startRegistry();
    await threeRounds(registry);
    await pushImage(registry.pushUrl, 'team/app', 'moved', { seed: 'moved' });
    const report = await whenBegins(registry, 'verify-live', () => {
      pushNow(registry, 'team/app', 'moved', { seed: 'moved on' });
      pushNow(registry, 'brand/new', 'v1', {});
    });
    expect(report).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      error: null,
      removed: { manifests: 2, blobs: 6 },
    });
    expect(report.after).toEqual(count(registry.root));
  });
});

const nothing = { revisions: [], layerLinks: [], tagHistory: [], blobs: [] };

/** A tag pushed three times. */
async function threeRounds(registry: TestRegistry) {
  const push = (seed: string) => pushImage(registry.pushUrl, 'team/app', 'latest', { seed });
  return { oldest: await push('oldest'), older: await push('older'), latest: await push('latest') };
}

/** A native run during which something happens, and is over, before the work of `step` begins. */
function whenBegins(
  registry: TestRegistry,
  step: StepId,
  work: () => void,
  options: ConfigOptions = {},
): Promise<Report> {
  return runTold(configFor(registry, { ...options, more: native }), {
    onEvent(event) {
      if (event.type === 'step-started' && event.id === step) work();
    },
  });
}

function writeLink(path: string, digest: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, digest);
}

async function expectBack(registry: TestRegistry): Promise<void> {
  expect(isUnderItsScript(registry)).toBe(true);
  expect(await post(registry.url)).toBe(202);
}

/** Makes everything look as if it had been pushed days ago. */
function ageAll(root: string): void {
  const then = Date.now() / 1000 - 3 * 86_400;
  for (const { path, stats } of walk(root)) if (stats.isFile()) utimesSync(join(root, path), then, then);
}

/** Digests of the blobs that the last run says it removed. */
async function blobsOnRecord(registry: TestRegistry): Promise<readonly string[]> {
  const config = ['--json', '--config', configFor(registry)];
  const { runs } = JSON.parse((await program(['runs', ...config])).stdout);
  const { stdout } = await program(['runs', 'show', runs[0].id, ...config]);
  const items: readonly { kind: string; digest: string }[] = JSON.parse(stdout).items;
  return items.flatMap(({ kind, digest }) => (kind === 'blob' ? [digest] : [])).sort();
}

/** Pushes an image, in a process of its own that is waited for: nothing else happens here meanwhile. */
function pushNow(registry: TestRegistry, repository: string, tag: string, options: object): void {
  const script = `
    const { pushImage } = await import(process.argv[1]);
    await pushImage(process.argv[2], process.argv[3], process.argv[4], JSON.parse(process.argv[5]));`;
  const push = join(import.meta.dirname, '../support/push.ts');
  const args = [push, registry.pushUrl, repository, tag, JSON.stringify(options)];
  execFileSync(process.execPath, ['--input-type=module', '-e', script, ...args]);
}
