import { existsSync, renameSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { docker, inspected } from './support/docker.ts';
import { fill } from './support/images.ts';
import { expectLeftAlone, lookAt, type Sight } from './support/left-alone.ts';
import { type CleanerOptions, type RegistryContainer, Scene, socket } from './support/scene.ts';

/* What keeps a run from beginning is told with its cure, and nothing is touched. */

/** One registry for all: nothing is done to it. */
let scene: Scene;
let registry: RegistryContainer;
let before: Sight;
beforeAll(async () => {
  scene = await Scene.open();
  registry = await scene.registry({ flags: ['--restart', 'always', ...inProject()] });
  await fill(registry.url);
  before = await lookAt(registry);
});
afterAll(() => scene[Symbol.asyncDispose]());
afterEach(() => expectLeftAlone(registry, before));

/** The scene's own Compose project, outside of which no registry is looked for. */
function inProject(): readonly string[] {
  return ['--label', `com.docker.compose.project=${scene.id}`, '--label', 'registry-cleanup.role=live'];
}

/** Refused by a guard: every reason, one per line. */
async function refused(
  options: CleanerOptions = {},
  of: RegistryContainer = registry,
  args: readonly string[] = [],
): Promise<string> {
  const { report, exitCode } = await scene.clean(of, args, options);
  expect(exitCode).toBe(6);
  expect(report).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
  return report.error?.details.join('\n') ?? '';
}

describe('the storage', () => {
  it('of another volume than the registry has', async () => {
    const wrong = await scene.addVolume();
    const text = await refused({ storage: wrong });
    expect(text).toContain(`keeps its data in the volume ${volumeOf(registry)}, which is not mounted`);
    expect(text).toContain(`(/var/lib/registry is the volume ${wrong} here)`);
    expect(text).toContain(`Replace that by "${volumeOf(registry)}:/var/lib/registry"`);
  });

  it('that is not mounted', async () => {
    const text = await refused({ storage: false });
    expect(text).toContain(
      `${registry.name} keeps its data in the volume ${volumeOf(registry)}, which is not`,
    );
    expect(text).toContain(`Add "${volumeOf(registry)}:/var/lib/registry" to the volumes of the cleaner`);
  });

  it('that is mounted read-only, which is enough for a dry run', async () => {
    const readOnly = { storage: false, flags: ['-v', `${volumeOf(registry)}:/data:ro`] } as const;
    const text = await refused(readOnly);
    expect(text).toContain('/data: the storage is mounted read-only in the cleaner');
    expect(text).toContain(`Mount it writable: "${volumeOf(registry)}:/data", without ":ro"`);
    const { report } = await scene.clean(registry, ['--dry-run'], readOnly);
    expect(report).toMatchObject({ exitCode: 0, dryRun: true, removed: { manifests: 4 } });
  });

  it('that another container may write to', async () => {
    const name = `${scene.id}-writer`;
    const idle = ['busybox:latest', 'sleep', '1000'];
    await scene.run(name, '-v', `${registry.root}/docker:/data`, ...idle);
    const text = await refused();
    expect(text).toContain(`the container ${name} (busybox:latest) may write there, too`);
    expect(text).toContain('Stop it, or let it mount that read-only ("…:/data:ro")');
    await docker('rm', '-f', name);
  });
});

describe('the registry', () => {
  it('of a name that no container has', async () => {
    const text = await refused({}, { ...registry, name: 'rc-e2e-nobody' });
    expect(text).toContain('registry.container: this engine has no container rc-e2e-nobody');
    expect(text).toMatch(/Seen: .*Set it to one of them/);
  });

  it('of which there are two', async () => {
    const other = await scene.registry({ flags: inProject() });
    const sight = await lookAt(other);
    const unnamed = { env: { CLEANUP_REGISTRY_CONTAINER: '' }, flags: inProject().slice(0, 2) };
    const text = await refused(unnamed);
    expect(text).toContain('2 containers have the label registry-cleanup.role=live');
    for (const { name } of [registry, other]) expect(text).toContain(`${name} (registry:2, running)`);
    expect(text).toContain('Name the live one in registry.container');
    await expectLeftAlone(other, sight);
    await docker('rm', '-f', other.name);
  });

  it('of which there is none in the own project', async () => {
    const project = ['--label', `com.docker.compose.project=${scene.id}-other`];
    const text = await refused({ env: { CLEANUP_REGISTRY_CONTAINER: '' }, flags: project });
    expect(text).toContain(`The Compose project ${scene.id}-other has no container with the label`);
    expect(text).toContain('Name it in registry.container');
  });

  it('that is paused', async () => {
    await docker('pause', registry.name);
    try {
      const text = await refused();
      expect(text).toContain(`Unpause it first: docker unpause ${registry.name}`);
      expect((await inspected(registry.name))?.State.Status).toBe('paused');
    } finally {
      await docker('unpause', registry.name);
    }
  });

  it('that is removed when it stops', async () => {
    const fleeting = await scene.registry({ flags: ['--rm'] });
    const sight = await lookAt(fleeting);
    const text = await refused({}, fleeting);
    expect(text).toContain(`The container ${fleeting.name} is removed once it stops (--rm)`);
    expect(text).toContain('Create it without --rm');
    await expectLeftAlone(fleeting, sight);
    await docker('rm', '-f', fleeting.name);
  });

  it('that keeps its data elsewhere than in files', async () => {
    const config = `version: 0.1
storage: { s3: { bucket: images, region: eu-central-1 } }
http: { addr: ':5000' }
`;
    const elsewhere = await scene.registry({ config });
    const sight = await lookAt(elsewhere);
    const text = await refused({}, elsewhere);
    expect(text).toContain(`${elsewhere.name}:/etc/docker/registry/config.yml: the storage driver is s3`);
    expect(text).toContain('This version cleans filesystem storage only');
    await expectLeftAlone(elsewhere, sight);
    await docker('rm', '-f', elsewhere.name);
  });
});

describe('the engine', () => {
  const runtime = { CLEANUP_REGISTRY_RUNTIME: 'docker' };

  /** Not reached: its address, and what to do. */
  async function unreached(options: CleanerOptions): Promise<string> {
    const { report, exitCode } = await scene.clean(registry, [], { env: runtime, ...options });
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ outcome: 'failed', exitCode: 1, error: { code: 'ENGINE_UNREACHABLE' } });
    return `${report.error?.message} ${report.error?.hint}`;
  }

  it('whose socket is not mounted', async () => {
    const text = await unreached({ socket: false });
    expect(text).toContain('/var/run/docker.sock');
    expect(text).toContain('volumes: ["/var/run/docker.sock:/var/run/docker.sock"]');
  });

  it('that does not listen at its socket', async () => {
    const dead = await deadSocket();
    const text = await unreached({ socket: dead });
    expect(text).toContain('unix:///var/run/docker.sock could not be reached');
    expect(text).toContain('systemctl start docker');
  });

  it('whose socket the cleaner has no right to', async () => {
    const text = await unreached({ flags: ['--user', '65534:65534'] });
    expect(text).toContain('EACCES');
    expect(text).toContain(`group_add: ["${statSync(socket).gid}"]`);
  });
});

/** A socket that is still there when nobody listens any more. */
async function deadSocket(): Promise<string> {
  const path = join(scene.directory, 'dead.sock');
  const server = createServer();
  await new Promise<void>((listening) => server.listen(`${path}.living`, listening));
  // Whoever closes it removes it by the name that it had.
  renameSync(`${path}.living`, path);
  await new Promise((closed) => server.close(closed));
  expect(existsSync(path)).toBe(true);
  return path;
}

function volumeOf({ root }: RegistryContainer): string {
  return root.split('/').at(-2) ?? '';
}
