import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InventoryBuilder } from '../../../src/inventory/builder.ts';
import { readManifest } from '../../../src/inventory/read-manifest.ts';
import { manifestLimit, parseManifest } from '../../../src/registry/manifest.ts';
import { memoryStorage } from '../../../src/storage/memory.ts';
import { change, changed, damaged, fuzz } from '../../support/fuzz.ts';
import { at, digestOf } from '../../support/layout.ts';
import { fixtures, referencesOf } from '../registry/manifest-samples.ts';

const samples = readdirSync(fixtures).map((name) => readFileSync(new URL(name, fixtures)));

/** Everything that stands as a digest where a manifest of any kind names something, told by another reader. */
function namedIn(bytes: Uint8Array): string[] {
  const root = JSON.parse(Buffer.from(bytes).toString());
  const lists = [root.layers, root.manifests, root.blobs, root.fsLayers].filter(Array.isArray).flat();
  return [root.config, root.subject, ...lists].flatMap((one) => one?.digest ?? one?.blobSum ?? []);
}

describe('a manifest', () => {
  fuzz(
    'damaged in any way is told so, or names all that stands in it and nothing else',
    { usual: 14_000 },
    damaged(samples),
    (bytes) => {
      const parsed = parseManifest(bytes);
      if (parsed.kind === 'damaged' || parsed.kind === 'unknown') {
        expect(parsed.why).toMatch(/^[ -~]{1,800}$/);
        return;
      }
      expect(referencesOf(parsed).sort()).toEqual(namedIn(bytes).sort());
      for (const digest of referencesOf(parsed))
        expect(digest).toMatch(/^sha(?:256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$/);
    },
  );

  fuzz(
    'whose bytes are not those of its digest is never read',
    { usual: 5_000 },
    fc.record({
      sample: fc.constantFrom(...samples),
      changes: fc.array(change, { minLength: 1, maxLength: 2 }),
    }),
    async ({ sample, changes }) => {
      const bytes = changed(sample, changes, samples);
      const storage = memoryStorage(() => 0);
      const digest = digestOf(sample);
      storage.put(at.blob(digest), bytes, 0);
      const builder = new InventoryBuilder();
      const read = await readManifest(storage, builder, builder.digests.intern(digest));
      if (!sample.equals(bytes)) expect(read.state).toBe('damaged');
    },
  );

  it.each([
    ['nested lists', '['.repeat(manifestLimit)],
    ['nested objects', '{"a":'.repeat(manifestLimit / 5)],
    ['nested layers', `{"schemaVersion":2,"layers":${'['.repeat(9_990)}${']'.repeat(9_990)}}`],
    ['quotes', '"'.repeat(manifestLimit)],
    ['backslashes', `"${'\\'.repeat(manifestLimit - 2)}"`],
    ['one key very often', `{${'"a":0,'.repeat(manifestLimit / 7 - 2)}"a":0}`],
    ['empty layers', `{"schemaVersion":2,"layers":[${'{},'.repeat(manifestLimit / 3 - 20)}{}]}`],
    ['a long number', `{"schemaVersion":${'9'.repeat(manifestLimit - 30)}}`],
    ['a long media type', `{"schemaVersion":2,"mediaType":"${'é'.repeat(manifestLimit / 2 - 40)}"}`],
    ['NUL', '\0'.repeat(manifestLimit)],
    ['more than a manifest may have', ' '.repeat(manifestLimit + 1)],
  ])('of 4 MiB of %s is told in a line', (_, text) => {
    const parsed = parseManifest(Buffer.from(text));
    expect(parsed.kind).toMatch(/^(?:damaged|unknown)$/);
    expect('why' in parsed && parsed.why.length).toBeLessThan(1_000);
  });
});
