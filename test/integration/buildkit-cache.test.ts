import { expect, it } from 'vitest';
import { unreachable } from '../support/oracle.ts';
import { configFor, report } from '../support/program.ts';
import { bytesOf, noise, pushBlob, pushImage, pushManifest } from '../support/push.ts';
import { startRegistry } from '../support/registry.ts';

const cacheType = 'application/vnd.buildkit.cacheconfig.v0';
const indexType = 'application/vnd.oci.image.index.v1+json';

it('keeps the layers of a BuildKit registry cache, which are children of an index and hang on their layer links alone', async () => {
  // 3.x asks its descriptor cache whether a child exists, and takes a blob for one only with it.
  await using registry = await startRegistry({
    config: { storage: { cache: { blobdescriptor: 'inmemory' } } },
  });
  const layers = await Promise.all(
    [1, 2, 3].map(async (n) => {
      const bytes = noise(`cache layer ${n}`);
      return { digest: await pushBlob(registry.url, 'build/cache', bytes), size: bytes.length };
    }),
  );
  const config = bytesOf('{"layers":[],"records":[]}');
  const children = [
    ...layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest,
      size,
    })),
    {
      mediaType: cacheType,
      digest: await pushBlob(registry.url, 'build/cache', config),
      size: config.length,
    },
  ];
  await pushManifest(registry.url, 'build/cache', 'buildcache', {
    schemaVersion: 2,
    mediaType: indexType,
    manifests: children,
  });
  for (const seed of ['old', 'new']) await pushImage(registry.url, 'build/app', 'latest', { seed });

  const { report: document } = await report('run', configFor(registry));
  expect(document).toMatchObject({ outcome: 'ok', error: null, removed: { manifests: 1 } });
  for (const { digest } of children) {
    const answer = await fetch(`${registry.url}/v2/build/cache/blobs/${digest}`);
    expect([digest, answer.status]).toEqual([digest, 200]);
    await answer.arrayBuffer();
  }
  expect(document.warnings).toEqual([]);
  expect(unreachable(registry.root).blobs).toEqual([]);
});
