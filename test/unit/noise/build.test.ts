import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { build } from '../../../src/noise/build.ts';
import { type ContentDesign, designNoise, type PushDesign } from '../../../src/noise/design.ts';
import type { Built } from '../../../src/noise/manifest.ts';
import { parseNoise } from '../../../src/noise/options.ts';
import { buildReferrers } from '../../../src/noise/referrers.ts';
import { digestOf } from '../../../src/registry/digest.ts';
import { parseManifest } from '../../../src/registry/manifest.ts';
import { type MemoryStore, memoryStore } from './memory-store.ts';

const pushes = designNoise(parseNoise({ images: '40', seed: '1', layerSize: '100', nested: '0.2' }));

function first(wanted: (content: ContentDesign) => boolean): PushDesign {
  const found = pushes.find(({ content }) => wanted(content));
  if (found === undefined) throw new Error('The design has none of that kind');
  return found;
}

function json(bytes: Uint8Array | undefined) {
  return JSON.parse(Buffer.from(bytes ?? []).toString());
}

/** Every manifest that `root` leads to, itself included; fails on a part that is missing or misdescribed. */
function closure(root: Built, store: MemoryStore): Built[] {
  const manifest = parseManifest(root.bytes);
  expect(manifest).toMatchObject({ mediaType: root.mediaType });
  if (manifest.kind === 'index') {
    const children = manifest.children.map(({ digest, size }) => {
      const child = store.manifests.get(digest);
      if (child === undefined) throw new Error(`No child ${digest}`);
      expect(size).toBe(child.bytes.length);
      return child;
    });
    return [root, ...children.flatMap((child) => closure(child, store))];
  }
  if (manifest.kind !== 'image') throw new Error(`A manifest that is ${manifest.kind}`);
  for (const blob of [manifest.config, ...manifest.layers]) {
    const bytes = store.blobs.get(blob?.digest ?? '');
    expect(bytes?.length).toBe(blob?.size);
    expect(digestOf(bytes ?? new Uint8Array())).toBe(blob?.digest);
  }
  return [root];
}

describe('build', () => {
  it('makes the same bytes for the same seed, on every machine', async () => {
    const digests = await Promise.all(
      pushes.slice(0, 5).map(async ({ content }) => (await build(content, memoryStore('1'))).digest),
    );
    expect(digests).toEqual([
      'sha256:cb494a5049ba442c537af35db63525a697bffb650b7cdb983a8636722a271f4b',
      'sha256:f4f94863a87ff5d17291103794c998bd4f471c1db176eb65ad98b3ae12dd7ace',
      'sha256:09adbdbc708dd98fa75e974fb46572253e6a10802df286e416e35b826908f778',
      'sha256:bf5b8b5d8a0cf4de8b559d4be492e1d1eb4471b8d6e76b3a0fb9780259dc0246',
      'sha256:999025319c74de7854040e437229c2029945bec8df7080456fc2106ca5515eb6',
    ]);
  });

  it('makes other bytes for another seed', async () => {
    const { content } = first(({ kind }) => kind === 'image');
    const [one, two] = await Promise.all([
      build(content, memoryStore('1')),
      build(content, memoryStore('2')),
    ]);
    expect(one.digest).not.toBe(two.digest);
  });

  it('stores every part of everything that it makes', async () => {
    for (const { content } of pushes) {
      const store = memoryStore();
      const root = await build(content, store);
      const found = closure(root, store);
      expect(found).toHaveLength(store.manifests.size + 1);
    }
  });

  it("gives an image a config whose diff_ids are those of its layers' archives", async () => {
    const store = memoryStore();
    const { content } = first(({ kind }) => kind === 'image');
    const manifest = json((await build(content, store)).bytes);
    const config = json(store.blobs.get(manifest.config.digest));
    const unpacked = manifest.layers.map((layer: { digest: string }) =>
      digestOf(gunzipSync(store.blobs.get(layer.digest) ?? '')),
    );
    expect(config).toMatchObject({ os: 'linux', architecture: 'amd64', rootfs: { diff_ids: unpacked } });
    expect(config.history).toHaveLength(manifest.layers.length);
  });

  it('says in an index for which platform each child is', async () => {
    const { content } = first((content) => content.kind === 'index' && content.format === 'docker');
    const { manifests } = json((await build(content, memoryStore())).bytes);
    expect(manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
  });

  it('ties an attestation to its image, as BuildKit does', async () => {
    const { content } = first((content) => content.kind === 'index' && content.attested);
    const { manifests } = json((await build(content, memoryStore())).bytes);
    const images = manifests.slice(0, manifests.length / 2);
    const attestations = manifests.slice(manifests.length / 2);
    expect(attestations).toMatchObject(
      images.map(({ digest }: { digest: string }) => ({
        platform: { architecture: 'unknown', os: 'unknown' },
        annotations: {
          'vnd.docker.reference.digest': digest,
          'vnd.docker.reference.type': 'attestation-manifest',
        },
      })),
    );
    expect(new Set(attestations.map(({ digest }: { digest: string }) => digest)).size).toBe(images.length);
  });
});

describe('buildReferrers', () => {
  async function refer(kind: 'subject' | 'fallback' | 'signature') {
    const store = memoryStore();
    const subject = await build(first(({ kind }) => kind === 'image').content, store);
    const referrers = await buildReferrers(kind, subject, store);
    return { store, subject, referrers };
  }

  it('makes an artifact that nothing but its subject ties', async () => {
    const { store, subject, referrers } = await refer('subject');
    expect(referrers.map(({ tag }) => tag)).toEqual([undefined]);
    for (const { manifest } of referrers) {
      closure(manifest, store);
      expect(parseManifest(manifest.bytes)).toMatchObject({ kind: 'image', subject: subject.digest });
    }
  });

  it('lists an artifact under the fallback tag of its subject', async () => {
    const { subject, referrers } = await refer('fallback');
    const [artifact, index] = referrers;
    expect([artifact?.tag, index?.tag]).toEqual([undefined, subject.digest.replace(':', '-')]);
    const parsed = parseManifest(index?.manifest.bytes ?? new Uint8Array());
    expect(parsed).toMatchObject({ kind: 'index', children: [{ digest: artifact?.manifest.digest }] });
  });

  it("signs as cosign does, under the tag of the subject's digest", async () => {
    const { store, subject, referrers } = await refer('signature');
    expect(referrers.map(({ tag }) => tag)).toEqual([`${subject.digest.replace(':', '-')}.sig`]);
    for (const { manifest } of referrers) closure(manifest, store);
  });
});
