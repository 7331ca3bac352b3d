import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openJournal } from '../../src/pipeline/journal.ts';
import { ownerText, selfAsOwner } from '../../src/pipeline/owner.ts';
import { filesystemState } from '../../src/storage/state.ts';
import { registryBinary } from '../support/binary.ts';
import { checkHere } from '../support/check-here.ts';
import { at, digestOf } from '../support/layout.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { configFor, program } from '../support/program.ts';
import {
  deleteManifest,
  emptyConfig,
  mediaTypes,
  noise,
  type Pushed,
  pushBlob,
  pushImage,
  pushIndex,
  pushManifest,
  pushMultiArch,
} from '../support/push.ts';
import { readOnlyWay } from '../support/read-only.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { diff, snapshot, stateDirectory } from '../support/tree.ts';

const { major } = registryBinary();
const way = readOnlyWay();

describe('check, of a storage that is read-only to it', () => {
  it.runIf(way.asUs)(`tells the same, by ${way.how}`, async () => {
    await using registry = await startRegistry();
    const { blobs } = await pushImage(registry.url, 'team/app', 'v1');
    rmSync(join(registry.root, at.blob(blobs[1] ?? '')));
    const config = configFor(registry);
    const under = way.command(registry.root, registry.directory);
    const { stdout, exitCode } = await program(['check', '--config', config, '--json'], { under });
    expect(exitCode).toBe(21);
    expect(JSON.parse(stdout)).toEqual(await checkHere(config));
  });
});

describe('check, beside', () => {
  it('somebody who mends it tells what is still broken when it is looked at again, and no more', async () => {
    await using registry = await startRegistry();
    const { blobs } = await pushImage(registry.url, 'team/app', 'v1');
    const [mended, broken] = blobs.map((digest) => join(registry.root, at.blob(digest)));
    if (mended === undefined || broken === undefined) return expect.unreachable();
    const whole = readFileSync(mended);
    for (const path of [mended, broken]) rmSync(path);
    const document = await checkHere(configFor(registry), false, (event) => {
      if (event.type === 'step-started' && event.id === 'verify' && !existsSync(mended))
        writeFileSync(mended, whole);
    });
    expect(document.findings).toMatchObject([{ kind: 'blob-missing', path: broken }]);
    expect(document.exitCode).toBe(21);
  });

  it('pushes, overwrites and deletions finds nothing that is only so for a moment', async () => {
    await using registry = await startRegistry();
    const { url } = registry;
    await pushImage(url, 'team/app', 'v1', { seed: 'first' });
    const config = configFor(registry);
    let done = false;
    let pushes = 0;
    const push = async (repository: string): Promise<void> => {
      for (; !done; pushes++) {
        const { index, images } = await pushMultiArch(url, repository, 'v1', {
          seed: `${repository} ${pushes}`,
        });
        await pushImage(url, repository, 'v2', { seed: `${repository} ${pushes}` });
        if (pushes % 3 === 0) {
          for (const { digest } of [index, ...images]) await deleteManifest(url, repository, digest);
        }
      }
    };
    const pushing = Promise.all(['team/app', 'team/other'].map(push));
    // However fast either is: both take turns several times.
    for (let look = 0; look < 8 || pushes <= 3; look++) {
      const { findings, exitCode } = await checkHere(config, look % 3 === 0);
      const bad = findings.filter(({ severity }) => severity !== 'warning');
      expect(bad).toEqual([]);
      expect(exitCode).toBe(0);
    }
    done = true;
    await pushing;
  });

  it('a run finds nothing that is only so for a moment, and says that one is under way', async () => {
    await using registry = await startRegistry();
    for (let image = 0; image < 30; image++) {
      await pushImage(registry.url, `team/app${image % 3}`, 'v1', { seed: String(image) });
    }
    const config = configFor(registry, { registry: { drain: { quiet: '0s' } } });
    let done = false;
    const running = runHere(config).finally(() => {
      done = true;
    });
    const warnings = new Set<string>();
    let looks = 0;
    for (; !done; looks++) {
      const document = await checkHere(config, true);
      const bad = document.findings.filter(({ severity }) => severity !== 'warning');
      expect({ bad, error: document.error }).toEqual({ bad: [], error: null });
      expect(document.findings.map(({ kind }) => kind)).not.toContain('run-left-open');
      for (const text of document.warnings) warnings.add(text.replace(/ and has.*|: run .*/, ''));
    }
    expect(await running).toMatchObject({ outcome: 'ok', removed: { manifests: 27 } });
    expect(looks).toBeGreaterThan(1);
    expect([...warnings]).toContain('another run is under way');
  });
});

describe('what a run left that died', () => {
  let registry: TestRegistry;
  let config: string;
  beforeAll(async () => {
    registry = await startRegistry();
    await pushImage(registry.url, 'team/app', 'v1');
    config = configFor(registry);
    mkdirSync(join(registry.root, stateDirectory), { recursive: true });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function leave(name: string, text: string): string {
    const path = join(registry.root, stateDirectory, name);
    writeFileSync(path, text);
    return path;
  }

  /** A process that was, and is no more. */
  function deadOwner(): string {
    const pid = Number(execFileSync('sh', ['-c', 'echo $$']).toString());
    return ownerText({ ...selfAsOwner('20260101T000000-dead'), pid, startedAt: '1' });
  }

  it('is told with the command that recovers it, and is no damage', async () => {
    const lock = leave('lock', deadOwner());
    expect(await checkHere(config)).toMatchObject({
      exitCode: 0,
      counts: [{ severity: 'warning', kind: 'run-left-open', count: 1 }],
      findings: [{ path: lock, command: 'registry-cleanup recover' }],
      warnings: [],
    });
    const state = filesystemState(join(registry.root, stateDirectory));
    await (await openJournal(state, '20260101T000000-dead')).deed('stop', { kind: 'of a test' });
    const journal = state.locate('journal.ndjson');
    const before = snapshot(registry.root, { ignoreState: false });
    expect(await checkHere(config)).toMatchObject({
      exitCode: 0,
      findings: [{ path: journal, detail: expect.stringContaining('1 deed to undo'), tag: null }],
    });
    expect(diff(before, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
    rmSync(lock);
    expect((await checkHere(config)).findings).toMatchObject([{ kind: 'run-left-open', path: journal }]);
    rmSync(journal);
  });

  it('cannot be seen where its files cannot be read, which does not keep anybody from checking', async () => {
    const path = join(registry.root, stateDirectory, 'lock');
    mkdirSync(path);
    expect(await checkHere(config)).toMatchObject({
      outcome: 'ok',
      exitCode: 0,
      warnings: [expect.stringContaining('whether another run is under way cannot be seen')],
    });
    rmSync(path, { recursive: true });
  });

  it('is not told of a run that lives, nor of one that only its heartbeat can tell of', async () => {
    leave('lock', ownerText(selfAsOwner('20260101T000000-live')));
    expect(await checkHere(config)).toMatchObject({
      exitCode: 0,
      findings: [],
      warnings: [expect.stringMatching(/^another run is under way.*20260101T000000-live/)],
    });
    leave('lock', ownerText({ ...selfAsOwner('20260101T000000-far'), boot: 'another' }));
    expect(await checkHere(config)).toMatchObject({
      findings: [],
      warnings: [expect.stringMatching(/^another run is under way, or died \(then "recover"/)],
    });
  });
});

describe('check, of a pull-through cache', () => {
  it('calls nothing damage that nobody has asked for yet, and says what a run does', async () => {
    await using upstream = await startRegistry();
    await pushImage(upstream.url, 'team/app', 'v1');
    await using cache = await startRegistry({ config: { proxy: { remoteurl: upstream.url } } });
    const pulled = await fetch(`${cache.url}/v2/team/app/manifests/v1`, {
      headers: { accept: mediaTypes.oci.image },
    });
    expect(pulled.status).toBe(200);
    await vi.waitUntil(() => existsSync(join(cache.root, at.current('team/app', 'v1'))), 10_000);
    const config = configFor(cache);
    const document = await checkHere(config);
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0 });
    expect(document.counts).toContainEqual({ severity: 'warning', kind: 'blob-missing', count: 2 });
    expect(document.warnings).toEqual([expect.stringContaining(`pull-through cache of ${upstream.url}`)]);
    const { error } = await runHere(config);
    expect(error?.details.join('\n')).toContain('a pull-through cache');
    expect(error?.details.join('\n')).not.toContain('the blob ');
  });
});

describe('the command that a finding tells', () => {
  it('cures it: the registry can be cleaned afterwards, and nothing is lost', async () => {
    await using registry = await startRegistry();
    const { url, root } = registry;
    await pushImage(url, 'team/app', 'v1', { seed: 'old' });
    await pushImage(url, 'team/app', 'v1', { seed: 'new' });
    const empty = await pushImage(url, 'team/empty', undefined);
    const cut = await pushImage(url, 'team/cut', undefined);
    const garbled = await pushImage(url, 'team/garbled', undefined);
    await pushIndex(url, 'team/bare', 'v1', []);
    if (major === 2) await pushForged(url, 'team/forged');
    for (const repository of ['team/empty', 'team/cut', 'team/garbled']) {
      await pushImage(url, repository, 'whole');
    }
    writeFileSync(join(root, at.blob(empty.digest)), '');
    writeFileSync(join(root, at.blob(cut.digest)), cut.bytes.slice(0, 100));
    writeFileSync(join(root, at.revision('team/garbled', garbled.digest)), `${garbled.digest}\n`);
    const before = closure(root);
    const config = configFor(registry);

    const sick = await checkHere(config);
    expect(sick).toMatchObject({ outcome: 'obstructed', exitCode: 6 });
    expect(sick.findings.map(({ kind }) => kind).sort()).toEqual([
      'malformed-link',
      'manifest-damaged',
      'manifest-damaged',
      ...(major === 2 ? ['manifest-invalid'] : []),
      'no-layers-directory',
    ]);
    expect((await runHere(config)).exitCode).toBe(6);
    for (const { command } of sick.findings) execFileSync('sh', ['-c', command ?? expect.fail('no command')]);

    expect(await checkHere(config)).toMatchObject({ outcome: 'ok', exitCode: 0 });
    expect(await runHere(config)).toMatchObject({ outcome: 'ok', exitCode: 0 });
    const left = [...before].filter(([tag]) => tag !== 'team/forged:v1');
    assertNothingLost(new Map(left), closure(root));
    expect(await checkHere(config, true)).toMatchObject({
      outcome: 'ok',
      findings: [],
      litter: { manifests: 0 },
    });
  });

  it('is to push again where a tag needs it, which heals it', async () => {
    await using registry = await startRegistry();
    const { url, root } = registry;
    const repositories = ['manifest', 'layer', 'layer-link', 'revision', 'tag', 'cut', 'spoilt'] as const;
    const remove = (path: string): void => rmSync(join(root, path));
    const spoil: Record<(typeof repositories)[number], (image: Pushed, layer: string) => void> = {
      manifest: ({ digest }) => remove(at.blob(digest)),
      layer: (_, layer) => remove(at.blob(layer)),
      'layer-link': (_, layer) => remove(at.layer('layer-link', layer)),
      revision: ({ digest }) => remove(at.revision('revision', digest)),
      tag: () => writeFileSync(join(root, at.current('tag', 'v1')), ''),
      cut: (_, layer) => writeFileSync(join(root, at.blob(layer)), 'short'),
      spoilt: ({ digest }) => writeFileSync(join(root, at.blob(digest)), '{}'),
    };
    for (const repository of repositories) {
      const image = await pushImage(url, repository, 'v1');
      spoil[repository](image, image.blobs[1] ?? '');
    }
    const config = configFor(registry);
    const { findings, exitCode } = await checkHere(config);
    expect(exitCode).toBe(21);
    expect(findings.map(({ repository }) => repository).sort()).toEqual(repositories.toSorted());
    await registry.stop();
    for (const { cure, path } of findings) {
      expect(cure).toMatch(/push the image again/i);
      if (/stop the registry, remove the file/i.test(cure)) rmSync(path);
    }
    await registry.start();
    for (const repository of repositories) await pushImage(url, repository, 'v1');
    expect(await checkHere(config, true)).toMatchObject({ outcome: 'ok', exitCode: 0, findings: [] });
  });

  it('works on a registry that is stopped, where no tag goes with it', async () => {
    await using registry = await startRegistry();
    await pushImage(registry.url, 'team/app', 'v1');
    const empty = await pushImage(registry.url, 'team/app', undefined);
    await registry.stop();
    writeFileSync(join(registry.root, at.blob(empty.digest)), '');
    const config = configFor(registry, { live: 'stopped' });
    const { findings } = await checkHere(config);
    const link = join(registry.root, at.revision('team/app', empty.digest));
    expect(findings).toMatchObject([{ kind: 'manifest-damaged', command: `rm ${link}` }]);
    execFileSync('sh', ['-c', findings[0]?.command ?? '']);
    expect(await checkHere(config)).toMatchObject({ outcome: 'ok' });
  });
});

/** What 2.8 takes from whoever may push, and what forges the collector's output: a digest with a line break in it. */
async function pushForged(url: string, repository: string): Promise<void> {
  const config = await pushBlob(url, repository, emptyConfig);
  const layer = {
    digest: `${digestOf(noise('absent'))}\nblob`,
    size: 1,
    urls: ['https://example.org/layer'],
  };
  await pushManifest(url, repository, 'v1', {
    schemaVersion: 2,
    mediaType: mediaTypes.docker.image,
    config: { mediaType: mediaTypes.docker.config, digest: config, size: emptyConfig.length },
    layers: [{ mediaType: mediaTypes.docker.foreign, ...layer }],
  });
}
