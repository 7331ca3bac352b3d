import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registryBinary } from '../support/binary.ts';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { gateIn } from '../support/gate.ts';
import { call } from '../support/http.ts';
import { at, digestOf } from '../support/layout.ts';
import { type Closures, closure, unreachable } from '../support/oracle.ts';
import { post } from '../support/process-runtime.ts';
import { configFor, type Report } from '../support/program.ts';
import {
  bytesOf,
  deleteManifest,
  mountBlob,
  noise,
  type Pushed,
  pushArtifact,
  pushBlob,
  pushImage,
  pushIndex,
  pushManifest,
} from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { count, diff, snapshot } from '../support/tree.ts';
import { beforeStopping } from '../support/wrapper.ts';

freshTmpdir();

const { major } = registryBinary();

// The stop command stands at a gate: the inventory is read and the plan is made, and the registry still takes pushes.
describe('what users do between the inventory and the fence', () => {
  it('a tag rolled back to an image that the plan lets go: it stays whole, and so does the one that was tagged', async () => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    const { report, after } = await changed(registry, async () => {
      const before = snapshot(registry.root);
      await retag(registry, 'latest', oldest);
      const changes = diff(before, snapshot(registry.root));
      expect(changes.map(({ path }) => path)).toContain(at.current('team/app', 'latest'));
      // Registry 2 writes links in place: whoever looks at the times of directories sees nothing of it. Registry 3
      // writes them anew and renames.
      if (major === 2) {
        const directories = [...before].filter(([, { type }]) => type === 'directory').map(([path]) => path);
        expect(changes.filter(({ path }) => directories.includes(path))).toEqual([]);
      }
    });
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1 } });
    expectWhole(after, 'team/app:latest', oldest);
    expect(revisionsLeft(registry)).toEqual([at.revision('team/app', latest.digest)]);
    expectGone(registry, older);

    // What lost its tag meanwhile goes with the next run.
    expect(await runTold(configFor(registry))).toMatchObject({ outcome: 'ok', removed: { manifests: 1 } });
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
    expectWhole(closure(registry.root), 'team/app:latest', oldest);
  });

  it('a new tag on an image that the plan lets go: it stays, and the other one goes', async () => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    const { report, after } = await changed(registry, () => retag(registry, 'rescued', oldest));
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1 } });
    expectWhole(after, 'team/app:rescued', oldest);
    expectWhole(after, 'team/app:latest', latest);
    expectGone(registry, older);
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  });

  it('new images that share layers with those that go, also in repositories that were not there before', async () => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    const pushed: Record<string, Pushed> = {};
    const { report, after } = await changed(registry, async () => {
      const { pushUrl } = registry;
      const layer = noise('oldest');
      pushed['team/app:fresh'] = await pushImage(pushUrl, 'team/app', 'fresh', {
        seed: 'fresh',
        layers: [layer, noise('fresh')],
      });
      pushed['team/app/nested:v1'] = await pushMounted(registry, 'team/app/nested', 'v1', oldest);
      pushed['elsewhere:v1'] = await pushImage(pushUrl, 'elsewhere', 'v1', { seed: 'wholly new' });
    });
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 2 } });
    for (const [tag, image] of Object.entries(pushed)) expectWhole(after, tag, image);
    expectWhole(after, 'team/app:latest', latest);
    expectGone(registry, older);
    expect(report.after).toMatchObject({ repositories: 3, tags: 4, manifests: 4 });
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  });

  it('an index that makes children of images that the plan lets go: they stay with it', async () => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    const doomed = await pushImage(registry.pushUrl, 'team/app', undefined, { seed: 'nobody wants it' });
    let index: Pushed | undefined;
    const { report, after } = await changed(registry, async () => {
      const inner = await pushIndex(registry.pushUrl, 'team/app', undefined, [oldest]);
      index = await pushIndex(registry.pushUrl, 'team/app', 'both', [inner, older]);
    });
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1 } });
    expectWhole(after, 'team/app:both', index);
    expect(after.get('team/app:both')?.manifests).toEqual(
      expect.arrayContaining([oldest.digest, older.digest]),
    );
    expectWhole(after, 'team/app:latest', latest);
    expectGone(registry, doomed);
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  });

  it('a signature for an image that stays, and one for an image that goes: only the first is kept for it', async () => {
    await using registry = await startRegistry();
    const { oldest, latest } = await threeRounds(registry);
    const pushed: Pushed[] = [];
    const { report, after } = await changed(registry, async () => {
      for (const subject of [latest, oldest]) {
        pushed.push(await pushArtifact(registry.pushUrl, 'team/app', undefined, { subject }));
      }
    });
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 2 } });
    const [kept, stray] = pushed.map(({ digest }) => digest);
    expect(after.get('team/app:latest')?.manifests).toContain(kept);
    expectWhole(after, 'team/app:latest', latest);
    // It was not in the plan, so it is the next run's.
    expect(revisionsLeft(registry)).toEqual([at.revision('team/app', String(stray))]);
    expect(await runTold(configFor(registry))).toMatchObject({ outcome: 'ok', removed: { manifests: 1 } });
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  });

  it.each([
    [
      'from the disk',
      async (registry: TestRegistry) =>
        rmSync(join(registry.root, at.tag('team/app', 'v1')), { recursive: true }),
    ],
    ...(major === 2
      ? []
      : [
          [
            'over the API, as registry 3 lets users',
            (registry: TestRegistry) => deleteTag(registry, 'v1'),
          ] as const,
        ]),
  ] as const)('a tag deleted %s: what it named is left to the next run', async (_how, remove) => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    const v1 = await pushImage(registry.pushUrl, 'team/app', 'v1', { seed: 'v1' });
    const { report, after } = await changed(registry, () => remove(registry));
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 2 } });
    expect([...after.keys()]).toEqual(['team/app:latest']);
    expectWhole(after, 'team/app:latest', latest);
    expect(revisionsLeft(registry)).toEqual([at.revision('team/app', v1.digest)]);
    for (const image of [oldest, older]) expectGone(registry, image);
    expect(await runTold(configFor(registry))).toMatchObject({ outcome: 'ok', removed: { manifests: 1 } });
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
    expectGone(registry, v1);
  });

  it('images deleted by digest, one that is tagged and one that the plan lets go: nothing fails for it', async () => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    const v1 = await pushImage(registry.pushUrl, 'team/app', 'v1', { seed: 'v1' });
    const { report, after } = await changed(registry, async () => {
      await deleteManifest(registry.pushUrl, 'team/app', v1.digest);
      await deleteManifest(registry.pushUrl, 'team/app', oldest.digest);
    });
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1 } });
    expect([...after.keys()]).toEqual(['team/app:latest']);
    expectWhole(after, 'team/app:latest', latest);
    for (const image of [oldest, older, v1]) expectGone(registry, image);
    expect(await runTold(configFor(registry))).toMatchObject({ exitCode: 0 });
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
    // The registry knows that its layers are gone: they can be pushed again.
    const again = await pushImage(registry.pushUrl, 'team/app', 'v1', { seed: 'v1' });
    expectWhole(closure(registry.root), 'team/app:v1', again);
  });

  it('every tag of the registry deleted: the run is refused, since everything would go', async () => {
    await using registry = await startRegistry();
    await threeRounds(registry);
    const { report } = await changed(registry, async () => {
      rmSync(join(registry.root, at.tag('team/app', 'latest')), { recursive: true });
    });
    expect(report).toMatchObject({ outcome: 'refused', exitCode: 6 });
    expect(report.error?.details.join('\n')).toContain('not one tag');
    expect(revisionsLeft(registry)).toHaveLength(3);
    expect(await post(registry.url)).toBe(202);
  });
});

// A page of a listing holds a thousand entries, and progress is told after each: layer links come before revisions, and
// revisions before tags.
describe('an image pushed while the inventory is read', () => {
  it.each([
    ['the layer links', 1_200],
    ['the revisions', 999],
  ])('between %s and what names them is no damage: it stays, and what is old goes', async (_where, links) => {
    await using registry = await startRegistry();
    const { oldest, older, latest } = await threeRounds(registry);
    plantDeadLinks(registry, 'team/app', links - count(registry.root).layerLinks);
    const before = count(registry.root);
    expect(before.layerLinks).toBe(links);
    let pushed: Pushed | undefined;
    await using running = runTold(configFor(registry), {
      onEvent(event) {
        if (event.type === 'progress' && event.id === 'inventory')
          pushed ??= pushNow(registry, 'team/app', 'fresh');
      },
    });
    expect(await running).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 2 } });
    const after = closure(registry.root);
    expectWhole(after, 'team/app:latest', latest);
    expectWhole(after, 'team/app:fresh', pushed);
    for (const image of [oldest, older]) expectGone(registry, image);
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  });
});

/** Pushes an image, in a process of its own that is waited for: nothing else happens here meanwhile. */
function pushNow(registry: TestRegistry, repository: string, tag: string): Pushed {
  const program = `
    const { pushImage } = await import(process.argv[1]);
    const { bytes, ...pushed } = await pushImage(...process.argv.slice(2));
    process.stdout.write(JSON.stringify(pushed));`;
  const push = join(import.meta.dirname, '../support/push.ts');
  const options = ['--input-type=module', '-e', program, push, registry.pushUrl, repository, tag];
  return JSON.parse(execFileSync(process.execPath, options, { encoding: 'utf8' }));
}

/** Layer links that no manifest names and that lead to nothing. */
function plantDeadLinks(registry: TestRegistry, repository: string, links: number): void {
  for (let n = 0; n < links; n++) {
    const digest = digestOf(bytesOf(`planted ${n}`));
    const file = join(registry.root, at.layer(repository, digest));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, digest);
  }
}

/** A tag pushed three times. */
async function threeRounds(registry: TestRegistry) {
  const push = (seed: string) => pushImage(registry.pushUrl, 'team/app', 'latest', { seed });
  return { oldest: await push('oldest'), older: await push('older'), latest: await push('latest') };
}

/** Runs the program and does `change` when the registry has been looked at and is about to be stopped. */
async function changed(
  registry: TestRegistry,
  change: () => Promise<void>,
): Promise<{ readonly report: Report; readonly after: Closures }> {
  using stopping = gateIn(registry.directory, 'stop');
  await using running = runTold(configFor(registry, { live: beforeStopping(registry, stopping.script) }));
  await stopping.reached(running);
  await change();
  stopping.open();
  const report = await running;
  const after = closure(registry.root);
  expect([...after.values()].flatMap(({ damaged }) => damaged)).toEqual([]);
  expect(registry.pid).toBeDefined();
  return { report, after };
}

/** Points a tag to a manifest that the repository has, as clients do: by pushing it again. */
async function retag(registry: TestRegistry, tag: string, manifest: Pushed): Promise<void> {
  const type = { 'content-type': manifest.mediaType };
  await call(registry.pushUrl, 'PUT', `/v2/team/app/manifests/${tag}`, [201], manifest.bytes, type);
}

async function deleteTag(registry: TestRegistry, tag: string): Promise<void> {
  await call(registry.pushUrl, 'DELETE', `/v2/team/app/manifests/${tag}`, [202]);
}

/** An image whose layer is not sent, but mounted from one that there is. */
async function pushMounted(
  registry: TestRegistry,
  repository: string,
  tag: string,
  from: Pushed,
): Promise<Pushed> {
  const { pushUrl } = registry;
  const layer = String(from.blobs.at(-1));
  await mountBlob(pushUrl, repository, layer, 'team/app');
  const config = bytesOf(JSON.stringify({ architecture: 'amd64', os: 'linux', mounted: repository }));
  const digest = await pushBlob(pushUrl, repository, config);
  const type = 'application/vnd.oci.image';
  return pushManifest(pushUrl, repository, tag, {
    schemaVersion: 2,
    mediaType: `${type}.manifest.v1+json`,
    config: { mediaType: `${type}.config.v1+json`, digest, size: config.length },
    layers: [{ mediaType: `${type}.layer.v1.tar+gzip`, digest: layer, size: 300 }],
  });
}

function expectWhole(after: Closures, tag: string, image: Pushed | undefined): void {
  expect(after.get(tag), tag).toMatchObject({ target: image?.digest, damaged: [] });
}

function expectGone(registry: TestRegistry, image: Pushed): void {
  const left = [at.revision('team/app', image.digest), at.blob(image.digest)];
  const paths = snapshot(registry.root);
  expect(left.filter((path) => paths.has(path))).toEqual([]);
}

/** Manifests that nobody needs, and that are there. */
function revisionsLeft(registry: TestRegistry): readonly string[] {
  return unreachable(registry.root).revisions;
}
