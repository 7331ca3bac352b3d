import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { noise } from '../../src/commands/noise.ts';
import { designNoise } from '../../src/noise/design.ts';
import { parseNoise } from '../../src/noise/options.ts';
import { pushNoise } from '../../src/noise/push.ts';
import { createClient } from '../../src/registry/client.ts';
import { at } from '../support/layout.ts';
import { type Closures, closure, unreachable } from '../support/oracle.ts';
import { credentials, startRegistry, type TestRegistry } from '../support/registry.ts';
import { skopeoCopyAll } from '../support/skopeo.ts';
import { count } from '../support/tree.ts';

async function push(registry: TestRegistry, given: Parameters<typeof parseNoise>[0]) {
  const options = parseNoise({ seed: '1', layerSize: '500', ...given });
  const client = createClient({ url: registry.pushUrl });
  try {
    return await pushNoise(designNoise(options), { client, seed: options.seed });
  } finally {
    await client.close();
  }
}

function targets(closures: Closures): Record<string, string> {
  return Object.fromEntries([...closures].map(([tag, { target }]) => [tag, target]).sort());
}

function damaged(closures: Closures): string[] {
  return [...closures].flatMap(([tag, { damaged }]) => damaged.map((path) => `${tag}: ${path}`));
}

describe('noise', () => {
  it('leaves whole tags, and counts what the storage holds', async () => {
    await using registry = await startRegistry();
    const pushed = await push(registry, { images: '40' });
    const closures = closure(registry.root);
    const { repositories, tags, manifests, blobs, bytes } = count(registry.root);
    expect(damaged(closures)).toEqual([]);
    expect(pushed).toMatchObject({ repositories, tags, manifests });
    // Manifests are blobs to the storage. The empty config of an artifact goes to each repository that has one.
    expect(pushed.blobs).toBeLessThan(blobs);
    expect(pushed.bytes).toBeGreaterThanOrEqual(bytes);
    expect(pushed.bytes).toBeLessThan(bytes + 2 * repositories);
  });

  it('leaves something to clean up in every way', async () => {
    await using registry = await startRegistry();
    await push(registry, { images: '40' });
    const { revisions, layerLinks, tagHistory, blobs } = unreachable(registry.root);
    for (const paths of [revisions, layerLinks, tagHistory, blobs]) expect(paths.length).toBeGreaterThan(10);
  });

  it('leaves the same tags at the same digests for the same seed', async () => {
    await using one = await startRegistry();
    await using other = await startRegistry();
    await Promise.all([push(one, {}), push(other, {})]);
    expect(targets(closure(one.root))).toEqual(targets(closure(other.root)));
    const before = count(one.root);
    const pushed = await push(one, {});
    expect(pushed.blobs).toBe(0);
    expect(count(one.root)).toEqual(before);
  });

  it('overwrites one tag with images of their own when single', async () => {
    await using registry = await startRegistry();
    const pushed = await push(registry, { images: '6', layers: '3', single: true });
    expect(pushed).toMatchObject({ repositories: 1, tags: 1, manifests: 6, blobs: 6 * 4 });
    expect(Object.keys(targets(closure(registry.root)))).toEqual(['noise:latest']);
    expect(unreachable(registry.root).revisions).toHaveLength(5);
  });

  it('can be copied by skopeo, one tag of each kind', async () => {
    await using registry = await startRegistry();
    await push(registry, { images: '12', repositories: '2', tags: '6', multiarch: '0.5', referrers: '0.5' });
    const samples = new Map<string, readonly [tag: string, target: string]>();
    for (const [tag, { target }] of closure(registry.root)) {
      const {
        mediaType,
        config,
        manifests = [],
      } = JSON.parse(readFileSync(join(registry.root, at.blob(target)), 'utf8'));
      samples.set(
        `${mediaType} ${config?.mediaType} ${manifests.length} ${tag.replace(/.*:/, '').slice(0, 7)}`,
        [tag, target],
      );
    }
    // Plain images in two formats, a chart, a list, an index with and without attestations, signature, fallback tag.
    expect(samples.size).toBeGreaterThanOrEqual(8);
    for (const [tag, target] of samples.values()) {
      const [repository = '', name = ''] = tag.split(':');
      const copy = join(
        registry.directory,
        `copy-${samples.size}-${name}-${repository.replaceAll('/', '-')}`,
      );
      const { manifests } = await skopeoCopyAll(registry.url, repository, name, copy);
      expect(manifests).toContain(target);
    }
  });

  it('makes indexes of indexes when asked to, whole ones', async () => {
    await using registry = await startRegistry();
    await push(registry, {
      images: '4',
      repositories: '1',
      tags: '4',
      multiarch: '1',
      nested: '1',
      referrers: '0',
    });
    const closures = closure(registry.root);
    expect([...closures.values()].map(({ manifests }) => manifests.length)).toEqual([5, 5, 5, 5]);
    expect(damaged(closures)).toEqual([]);
  });

  it('logs in where the registry asks for it', async () => {
    await using registry = await startRegistry({ auth: 'htpasswd' });
    const lines: string[] = [];
    const context = {
      registry: { url: registry.url, auth: credentials },
      print: (line: string) => lines.push(line),
    };
    expect(await noise({ images: '2', single: true, seed: 'x' }, context)).toBe(0);
    expect(lines).toEqual([
      `Pushing 2 images to ${registry.url}, seed x`,
      expect.stringMatching(/^Pushed 2 manifests, 10 blobs, \S+ KiB to 1 repository with 1 tag in /),
    ]);
    const stranger = noise({ images: '1' }, { registry: { url: registry.url }, print: () => {} });
    await expect(stranger).rejects.toMatchObject({ code: 'REGISTRY_ANSWERED' });
  });

  it('ends with an error on a registry that takes no pushes', async () => {
    const readonly = { maintenance: { readonly: { enabled: true } } };
    await using registry = await startRegistry({ config: { storage: readonly } });
    await expect(push(registry, {})).rejects.toThrow('was answered with 405: Method not allowed.');
  });

  it('is what scripts/generate-noise does', async () => {
    await using registry = await startRegistry();
    const script = new URL('../../scripts/generate-noise', import.meta.url).pathname;
    const run = promisify(execFile);
    const { stdout } = await run(script, ['3', '--single', '--url', registry.url], {
      cwd: registry.directory,
    });
    expect(stdout).toMatch(/Pushed 3 manifests, 15 blobs/);
    expect(count(registry.root)).toMatchObject({ repositories: 1, tags: 1, manifests: 3, layerLinks: 15 });
  });
});
