import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../src/inventory/inventory.ts';
import { type ReadOptions, readInventory, readReferences } from '../../src/inventory/read.ts';
import { rereadDelays } from '../../src/inventory/read-link.ts';
import { openStorage } from '../../src/storage/open.ts';
import type { Reader } from '../../src/storage/storage.ts';
import { dumpOf } from '../support/inventory-dump.ts';
import { at, digestOf } from '../support/layout.ts';
import { absentDigest } from '../support/memory-registry.ts';
import { type RandomRegistry, randomRegistry, write } from '../support/random-registry.ts';
import { doSpoil, type Spoil, spoil } from '../support/spoil.ts';

// Nobody writes here while it is read: a bad link need not be waited for.
rereadDelays.fill(0);

const long = process.env.LONG === '1';

describe('a storage that is near', () => {
  it.each([
    ['this thread alone', { threads: 0 }, 40],
    ['this thread alone, in pieces', { threads: 0, splitAt: 3 }, 40],
    // It takes threads longer to begin than to read so little.
    ['two threads', { threads: 2, splitAt: 3 }, 8],
  ])(
    'is told by %s as if it were listed, with oddities of every kind',
    { timeout: 900_000 },
    async (_who, sharing, runs) => {
      const scenario = fc.record({
        registry: randomRegistry,
        spoils: fc.array(spoil, { maxLength: 8 }),
        later: fc.array(spoil, { maxLength: 3 }),
      });
      const property = fc.asyncProperty(scenario, async ({ registry, spoils, later }) => {
        using tree = makeTree(registry, spoils);
        const both = await bothOf(tree);
        const first = await readBoth(both, { sharing });
        tree.spoil(later);
        // What has come since is looked up; what was there before is taken over.
        if (first !== undefined) await readBoth(both, { sharing }, first);
      });
      await fc.assert(property, { numRuns: long ? 50 * runs : runs, endOnFailure: !long });
    },
  );

  it.each([
    ['misplaced', at.blob(absentDigest('x')).replace(/sha256\/../, 'sha256/zz')],
    [
      'misplaced',
      at.blob(absentDigest('x')).replace(/sha256\/../, `sha256/${otherDigits(absentDigest('x'))}`),
    ],
    ['misplaced', at.blob(absentDigest('x').toUpperCase().replace('SHA', 'sha'))],
    ['misplaced', at.layer('app', `${absentDigest('x')}0`)],
    ['stray', `${at.blob(absentDigest('x'))}/inside`],
  ])('tells what is in a wrong place: %s %s', async (kind, key) => {
    using tree = makeTree(noRegistry, []);
    tree.put(key, 'content');
    const told = await readBoth(await bothOf(tree), {});
    expect(told?.near.oddities.map((oddity) => [oddity.kind, oddity.key])).toEqual([[kind, key]]);
    expect(told?.near.counts).toMatchObject({ blobs: 0, layerLinks: 0 });
  });

  it.each([1, 5])('takes symlinks, %i of them, for no history of a tag', async (count) => {
    using tree = makeTree(noRegistry, []);
    const history = join(tree.root, dirname(dirname(at.history('app', 'v1', absentDigest('x')))));
    mkdirSync(history, { recursive: true });
    symlinkSync('nowhere', join(dirname(dirname(history)), 'current'));
    for (let number = 0; number < count; number++)
      symlinkSync('nowhere', join(history, absentDigest(`${number}`).slice('sha256:'.length)));
    const told = await readBoth(await bothOf(tree), { sharing: { threads: 0, splitAt: 3 } });
    expect(told?.near.oddities.map(({ kind }) => kind)).toEqual(Array(count + 1).fill('symlink'));
  });

  it('tells manifests of every kind alike, and what is wrong with them', async () => {
    using tree = makeTree(noRegistry, []);
    const layer = (content: string, size?: number, more = {}): object => {
      const digest = digestOf(Buffer.from(content));
      tree.put(at.blob(digest), content);
      tree.put(at.layer('app', digest), digest);
      return { mediaType: 'application/octet-stream', digest, size, ...more };
    };
    const push = (manifest: object | string): string => {
      const content = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
      const digest = digestOf(Buffer.from(content));
      tree.put(at.blob(digest), content);
      tree.put(at.revision('app', digest), digest);
      return digest;
    };
    const image = (layers: readonly object[], more = {}): object => ({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: layer('{}', 2),
      layers,
      ...more,
    });
    const urls = ['https://example.org/'];
    const right = push(
      image([layer('right', 5), layer('unsaid'), layer('zero', 0), layer('far', 3, { urls })]),
    );
    const wrong = push(image([layer('right', 5), layer('another size', 7)]));
    const cut = layer('cut off', 7);
    tree.put(at.blob(digestOf(Buffer.from('cut off'))), 'cut');
    push(image([cut]));
    push(image([layer('by sha512'), { ...layer('x'), digest: digestOf(Buffer.from('x'), 'sha512') }]));
    push(image([layer('gone')], { subject: { mediaType: 'a/b', digest: right, size: 1 } }));
    rmSync(join(tree.root, at.blob(digestOf(Buffer.from('gone')))));
    push({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [right, wrong].map((digest) => ({ mediaType: 'a/b', digest, size: 1 })),
    });
    push({
      schemaVersion: 1,
      mediaType: 'application/vnd.docker.distribution.manifest.v1+json',
      fsLayers: [{ blobSum: right }],
    });
    push('no JSON');
    push('{"schemaVersion":2}');
    tree.put(at.blob(push('to be empty')), '');
    // A manifest, but not the one that it should be.
    tree.put(at.blob(push('to be another')), JSON.stringify(image([layer('right', 5)])));
    tree.put(at.blob(push('to be too long')), 'x'.repeat(4 * 1024 * 1024 + 1));
    rmSync(join(tree.root, at.blob(push('to be gone'))));
    const both = await bothOf(tree);
    for (const threads of [0, 1]) {
      const told = await readBoth(both, { sharing: { threads } });
      const states = new Set(manifestStates(told?.near));
      expect(states).toEqual(
        new Set(['image', 'index', 'schema1', 'wrong sizes', 'damaged', 'missing', 'unknown']),
      );
    }
  });
});

/** Two digits with which the digest does not begin. */
function otherDigits(digest: string): string {
  return digest.startsWith('sha256:00') ? '11' : '00';
}

const noRegistry: RandomRegistry = { manifests: [], repositories: [], layers: 0, protect: [], keepWithin: 0 };

function manifestStates(inventory: Inventory | undefined): string[] {
  const states: string[] = [];
  for (let id = 0; id < (inventory?.digestCount ?? 0); id++) {
    const manifest = inventory?.manifest(id);
    if (manifest === undefined) continue;
    if (manifest.state !== 'ok') states.push(manifest.state);
    else states.push(manifest.wrongSizes.length > 0 ? 'wrong sizes' : manifest.kind);
  }
  return states;
}

type Both = Readonly<Record<'listed' | 'near', Reader>>;
type Inventories = Readonly<Record<'listed' | 'near', Inventory>>;

/** The same storage, as threads look at it and as it is without them. Nothing can be removed through it, which changes nothing. */
async function bothOf({ root }: Tree): Promise<Both> {
  const near = await openStorage({ driver: 'filesystem', root, readOnly: true });
  expect(near.near).toEqual({ driver: 'filesystem', root: realpathSync(root) });
  return { listed: { ...near, near: undefined }, near };
}

/** That both tell the same. Undefined where both tell the same error. */
async function readBoth(
  { listed, near }: Both,
  options: ReadOptions,
  known?: Inventories,
): Promise<Inventories | undefined> {
  const expected = await outcome(() => readInventory(listed, { known: known?.listed }));
  const told = await outcome(() => readInventory(near, { ...options, known: known?.near }));
  expect(dump(told)).toEqual(dump(expected));
  if (typeof told === 'string' || typeof expected === 'string') return undefined;
  const references = await readReferences(listed, { known: expected });
  expect(dumpOf(await readReferences(near, { ...options, known: told }))).toEqual(dumpOf(references));
  return { listed: expected, near: told };
}

/** What came of it, or the message of what it threw. */
async function outcome(work: () => Promise<Inventory>): Promise<Inventory | string> {
  try {
    return await work();
  } catch (error) {
    return (error as Error).message;
  }
}

/** Of a directory that harms all in it: at which of them it was met first is up to the order in which they are listed. */
function dump(told: Inventory | string): object {
  return typeof told === 'string'
    ? { thrown: told.replace(/^Could not look at .*: (?=\/)/, '') }
    : dumpOf(told);
}

interface Tree extends Disposable {
  readonly root: string;
  put(key: string, content: string, modified?: number): void;
  spoil(spoils: readonly Spoil[]): void;
}

function makeTree(registry: RandomRegistry, spoils: readonly Spoil[]): Tree {
  const root = mkdtempSync(join(tmpdir(), 'registry-cleanup-near-'));
  const areas = [at.repositories, at.blobs].map((area) => join(root, area));
  for (const area of areas) mkdirSync(area, { recursive: true });
  const put: Tree['put'] = (key, content, modified = 1_700_000_000_000) => {
    const path = join(root, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    utimesSync(path, modified / 1_000, modified / 1_000);
  };
  write(registry, { put });
  const spoilAll = (all: readonly Spoil[]): void => {
    for (const one of all) doSpoil(areas[one.where % 4 === 0 ? 1 : 0] ?? root, one);
  };
  spoilAll(spoils);
  return {
    root,
    put,
    spoil: spoilAll,
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
