import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { at, digestOf } from '../support/layout.ts';
import { servingPids } from '../support/processes.ts';
import {
  deleteManifest,
  holdUpload,
  mountBlob,
  noise,
  type Pushed,
  pushArtifact,
  pushBlob,
  pushCosign,
  pushFallbackTag,
  pushImage,
  pushIndex,
  pushMultiArch,
  startUpload,
} from '../support/push.ts';
import {
  collect,
  credentials,
  isListening,
  liveCommands,
  startRegistry,
  type TestRegistry,
} from '../support/registry.ts';

let registry: TestRegistry;

// A directory of temporary directories that is this file's alone, to see what is left in it.
const shared = process.env.TMPDIR;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
  process.env.TMPDIR = directory;
});
afterAll(() => {
  if (shared === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = shared;
  rmSync(directory, { recursive: true });
});
afterEach(() => expect(readdirSync(directory)).toEqual([]));

describe('a test registry', () => {
  it('answers once it is started, and is gone with all its files once it is disposed', async () => {
    const started = await startRegistry();
    expect((await fetch(`${started.url}/v2/`)).status).toBe(200);
    expect(servingPids(started.configFile)).toEqual([started.pid]);
    expect(started.version.startsWith(`${started.major}.`)).toBe(true);

    await started[Symbol.asyncDispose]();
    expect(started.pid).toBeUndefined();
    expect(await isListening(started.port)).toBe(false);
    expect(existsSync(started.directory)).toBe(false);
  });

  it('leaves a root that it was given', async () => {
    const root = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
    try {
      await using given = await startRegistry({ root });
      await pushImage(given.url, 'app', 'v1');
      await given[Symbol.asyncDispose]();
      expect(existsSync(join(root, at.current('app', 'v1')))).toBe(true);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it('serves the same storage with another process after a restart', async () => {
    await using restarted = await startRegistry();
    const first = restarted.pid;
    const image = await pushImage(restarted.url, 'app', 'v1');
    await restarted.restart();
    expect(restarted.pid).not.toBe(first);
    expect((await manifest(restarted.url, 'app', 'v1')).digest).toBe(image.digest);
    expect(restarted.log().match(/listening on/g)).toHaveLength(2);
  });

  it('lets only its credentials in when it has a password file', async () => {
    await using closed = await startRegistry({ auth: 'htpasswd' });
    expect((await fetch(`${closed.url}/v2/`)).status).toBe(401);
    expect(closed.pushUrl).toContain(`${credentials.username}:${credentials.password}@`);
    await pushImage(closed.pushUrl, 'app', 'v1');
    await expect(pushImage(closed.url, 'app', 'v1')).rejects.toThrow('401');
    await expect(pushImage(closed.pushUrl.replace('secret', 'guess'), 'app', 'v1')).rejects.toThrow('401');
  });

  it('lays the wanted configuration over its own', async () => {
    const config = { storage: { cache: null, maintenance: { readonly: { enabled: true } } } };
    await using readonly = await startRegistry({ config });
    expect(readFileSync(readonly.configFile, 'utf8')).not.toContain('cache');
    await expect(pushImage(readonly.url, 'app', 'v1')).rejects.toThrow('405');
  });

  it('has the wanted environment and nothing of ours that starts with REGISTRY_', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
    process.env.REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY = '/nowhere';
    try {
      await using plain = await startRegistry();
      await pushImage(plain.url, 'app', 'v1');
      expect(existsSync(join(plain.root, at.current('app', 'v1')))).toBe(true);

      const env = { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: elsewhere };
      await using overridden = await startRegistry({ env });
      await pushImage(overridden.url, 'app', 'v1');
      expect(existsSync(join(elsewhere, at.current('app', 'v1')))).toBe(true);
    } finally {
      delete process.env.REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY;
      rmSync(elsewhere, { recursive: true });
    }
  });

  it('tells the log of a registry that does not start, and leaves nothing of it', async () => {
    await expect(startRegistry({ config: { storage: { s3: {} } } })).rejects.toThrow(
      /must provide exactly one storage type/,
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  it('does not outlive a test run that exits without disposing it', () => {
    const script = `
      const { startRegistry } = await import(${JSON.stringify(join(import.meta.dirname, '../support/registry.ts'))});
      const { configFile } = await startRegistry();
      console.log(configFile);
      process.exit(3);`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(run.status, run.stderr).toBe(3);
    expect(run.stdout.trim()).toMatch(/config\.yml$/);
    expect(servingPids(run.stdout.trim())).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('the live commands', () => {
  it('stop the registry and start it again, and do no harm when there is nothing to do', async () => {
    await using live = await startRegistry();
    const { start, stop } = liveCommands(live);
    const first = live.pid;
    run(start);
    expect(live.pid).toBe(first);
    run(stop);
    await until(() => live.pid === undefined);
    run(stop);
    run(start);
    await until(() => live.pid !== undefined);
    expect(live.pid).not.toBe(first);
  });

  it('leave a process alone that has the pid of a registry that is gone', async () => {
    await using live = await startRegistry();
    await live.stop();
    const other = spawn('sleep', ['60']);
    try {
      writeFileSync(join(live.directory, 'pid'), String(other.pid));
      run(liveCommands(live).stop);
      await sleep(100);
      expect(other.signalCode).toBeNull();
      run(liveCommands(live).start);
      await until(() => live.pid !== undefined);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('start it in a session of its own, so that a Ctrl-C elsewhere does not reach it', async () => {
    await using live = await startRegistry();
    const fields = readFileSync(`/proc/${live.pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    expect(fields.slice(2, 4)).toEqual([String(live.pid), String(live.pid)]);
  });

  it('return before a draining registry is gone: a request in flight still ends well', async () => {
    await using draining = await startRegistry({ drainTimeout: '20s' });
    const upload = await holdUpload(draining.url, 'app', noise('part'));
    run(liveCommands(draining).stop);
    await until(async () => !(await isListening(draining.port)));
    expect(draining.pid).toBeDefined();
    expect(await upload.finish()).toBe(202);
    await until(() => draining.pid === undefined);
  });

  it('cut a request in flight where nothing is drained', async () => {
    await using hasty = await startRegistry();
    const upload = await holdUpload(hasty.url, 'app', noise('part'));
    run(liveCommands(hasty).stop);
    await until(() => hasty.pid === undefined);
    await expect(upload.finish()).rejects.toThrow();
  });
});

describe('a push', () => {
  beforeEach(async () => {
    registry = await startRegistry();
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  it.each(['docker', 'oci'] as const)('of an image (%s) is served as pushed', async (dialect) => {
    await isServed('app', 'v1', await pushImage(registry.url, 'app', 'v1', { dialect }));
    await isServed(
      'app',
      undefined,
      await pushImage(registry.url, 'app', undefined, { dialect, seed: 'untagged' }),
    );
    await isServed('app', 'url', await pushImage(registry.url, 'app', 'url', { dialect, foreign: true }));
  });

  it.each(['docker', 'oci'] as const)(
    'of an index (%s) is served as pushed, with its images',
    async (dialect) => {
      const { index, images } = await pushMultiArch(registry.url, 'app', 'v1', { dialect, platforms: 3 });
      await isServed('app', 'v1', index);
      expect(index.children).toEqual(images.map((image) => image.digest));
      for (const image of images) await isServed('app', undefined, image);
    },
  );

  it('of nested and empty indexes is served as pushed', async () => {
    const { index } = await pushMultiArch(registry.url, 'app', undefined);
    await isServed('app', 'nested', await pushIndex(registry.url, 'app', 'nested', [index]));
    await isServed('app', 'empty', await pushIndex(registry.url, 'app', 'empty', []));
    expect(existsSync(join(registry.root, at.revision('app', index.digest)))).toBe(true);
  });

  it('of referrers ties them to their subject, by field and by tag', async () => {
    const image = await pushImage(registry.url, 'app', 'v1');
    const sbom = await pushArtifact(registry.url, 'app', undefined, { subject: image });
    expect(JSON.parse(new TextDecoder().decode(sbom.bytes)).subject.digest).toBe(image.digest);
    const fallback = await pushFallbackTag(registry.url, 'app', image, [sbom]);
    await isServed('app', `sha256-${image.digest.slice(7)}`, fallback);
    expect(fallback.children).toEqual([sbom.digest]);
    await isServed(
      'app',
      `sha256-${image.digest.slice(7)}.sig`,
      await pushCosign(registry.url, 'app', image),
    );
  });

  it('by sha512 leaves a link whose path is that digest and whose content is the sha256', async () => {
    const layer = noise('layer');
    await pushImage(registry.url, 'app', 'v1', { layers: [layer], algorithm: 'sha512' });
    const link = join(registry.root, at.layer('app', digestOf(layer, 'sha512')));
    expect(readFileSync(link, 'utf8')).toBe(digestOf(layer));
  });

  it('is the same bytes for the same seed, and others for another', async () => {
    const options = { seed: 'one' };
    const first = await pushImage(registry.url, 'app', 'v1', options);
    const second = await pushImage(registry.url, 'other/app', 'v2', options);
    const third = await pushImage(registry.url, 'app', 'v3', { seed: 'two' });
    expect(second).toEqual(first);
    expect(third.digest).not.toBe(first.digest);
    expect(new Set([...first.blobs, ...third.blobs]).size).toBe(4);
  });

  it('that is left open has a directory with what was sent', async () => {
    const unsent = await startUpload(registry.url, 'app');
    const half = await startUpload(registry.url, 'app', noise('half', 1000));
    const held = await holdUpload(registry.url, 'app', noise('held'));
    for (const { id } of [unsent, half, held]) {
      expect(existsSync(join(registry.root, at.upload('app', id), 'startedat'))).toBe(true);
    }
    expect(readFileSync(join(registry.root, at.upload('app', half.id), 'data'))).toHaveLength(1000);
    held.abort();
  });

  it('can be a mount of what another repository has', async () => {
    const digest = await pushBlob(registry.url, 'app', noise('layer'));
    await mountBlob(registry.url, 'other', digest, 'app');
    expect(readFileSync(join(registry.root, at.layer('other', digest)), 'utf8')).toBe(digest);
    await expect(mountBlob(registry.url, 'other', digestOf(noise('absent')), 'app')).rejects.toThrow('202');
  });

  it('can be deleted: the revision and its tags go, the blob stays until it is collected', async () => {
    await pushImage(registry.url, 'app', 'kept');
    const image = await pushImage(registry.url, 'app', 'v1');
    await deleteManifest(registry.url, 'app', image.digest);
    expect(existsSync(join(registry.root, at.revision('app', image.digest)))).toBe(false);
    expect(existsSync(join(registry.root, at.current('app', 'v1')))).toBe(false);
    expect(existsSync(join(registry.root, at.blob(image.digest)))).toBe(true);
    const collected = await collect(registry);
    expect(collected.exitCode).toBe(0);
    expect(collected.stdout).toMatch(/blobs marked/);
    expect(existsSync(join(registry.root, at.blob(image.digest)))).toBe(false);
  });
});

async function isServed(repository: string, tag: string | undefined, pushed: Pushed): Promise<void> {
  const served = await manifest(registry.url, repository, tag ?? pushed.digest);
  expect(served).toEqual({
    digest: pushed.digest,
    mediaType: pushed.mediaType,
    bytes: Buffer.from(pushed.bytes),
  });
  expect(digestOf(pushed.bytes)).toBe(pushed.digest);
}

async function manifest(url: string, repository: string, reference: string) {
  const accept = [
    'docker.distribution.manifest.v2',
    'docker.distribution.manifest.list.v2',
    'oci.image.manifest.v1',
  ];
  const response = await fetch(`${url}/v2/${repository}/manifests/${reference}`, {
    headers: {
      accept: [...accept, 'oci.image.index.v1'].map((type) => `application/vnd.${type}+json`).join(', '),
    },
  });
  expect(response.status).toBe(200);
  return {
    digest: response.headers.get('docker-content-digest'),
    mediaType: response.headers.get('content-type'),
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

function run([file = '', ...args]: readonly string[]): void {
  execFileSync(file, args);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 15_000; !(await condition()); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`Not within 15 s: ${condition}`);
  }
}
