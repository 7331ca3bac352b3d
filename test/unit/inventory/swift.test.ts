import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../../src/inventory/inventory.ts';
import { readInventory } from '../../../src/inventory/read.ts';
import { rereadDelays } from '../../../src/inventory/read-link.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { dumpOf } from '../../support/inventory-dump.ts';
import { at, digestOf } from '../../support/layout.ts';
import { layerDigest, manifestContents, randomRegistry, write } from '../../support/random-registry.ts';
import { doSpoil, spoil } from '../../support/spoil.ts';

// Nobody writes here while it is read: a bad link need not be waited for.
rereadDelays.fill(0);

/** What a swift look does not see: other content of a link's length, and what lies beside a link or a blob. */
const unseen =
  /^(?:(?:other|rubbish|capitals) .*\/_layers\/sha256\/[0-9a-f]{64}\/link|(?:stray|temporary|link|data|bare|underscored|area|badName|nested|sha512Inside|sha256Inside|upload|__proto) .*\/(?:[0-9a-f]{64}|current))$/;

describe('a swift look', () => {
  it('tells what a thorough one tells, but for content of layer links and what lies beside one file', async () => {
    const scenario = fc.record({ registry: randomRegistry, spoils: fc.array(spoil, { maxLength: 6 }) });
    const property = fc.asyncProperty(scenario, async ({ registry, spoils }) => {
      using tree = makeTree();
      write(registry, tree);
      const done = spoils.map((one) =>
        doSpoil(join(tree.root, one.where % 4 === 0 ? at.blobs : at.repositories), one),
      );
      fc.pre(!done.some((told) => told !== undefined && unseen.test(told)));
      expect(await told(() => tree.look(false))).toEqual(await told(() => tree.look(true)));
    });
    await fc.assert(property, { numRuns: process.env.LONG === '1' ? 1_000 : 40 });
  }, 600_000);

  it('takes a layer link of the right length for what its path says, and no other', async () => {
    using tree = makeTree();
    const [one, two, three] = [layerDigest(1), layerDigest(2), layerDigest(3)] as const;
    tree.put(at.layer('app', one), two);
    tree.put(at.layer('app', two), `${two}\n`);
    const long = digestOf(Buffer.from('long'), 'sha512');
    tree.put(at.layer('app', long), three);
    const { swift, thorough } = await tree.read();
    expect(layersOf(swift)).toEqual({ [one]: one, [long]: three });
    expect(layersOf(thorough)).toEqual({ [one]: two, [long]: three });
    for (const { oddities } of [swift, thorough]) {
      expect(oddities.map(({ kind, key }) => [kind, key])).toEqual([
        ['malformed-link', at.layer('app', two)],
      ]);
    }
  });

  it('reads every tag and revision link', async () => {
    using tree = makeTree();
    const manifest = { layers: [1], children: [], subject: undefined };
    const registry = {
      manifests: [manifest, { ...manifest, layers: [2] }],
      repositories: [
        {
          name: 'app',
          revisions: new Map([
            [0, 0],
            [1, 0],
          ]),
          tags: new Map([['v1', { target: 0, age: 0, history: [] }]]),
          strayLinks: [],
        },
      ],
      layers: 3,
      protect: [],
      keepWithin: 0,
    };
    write(registry, tree);
    const [one = '', two = ''] = manifestContents(registry).map((content) => digestOf(Buffer.from(content)));
    tree.put(at.revision('app', two), one);
    tree.put(at.current('app', 'v1'), layerDigest(9));
    const { swift } = await tree.read();
    expect(swift.oddities).toEqual([
      { kind: 'link-mismatch', key: at.revision('app', two), detail: `names ${one}` },
    ]);
    expect(swift.repository('app')?.tags[0]?.target).toBe(swift.find(layerDigest(9)));
  });

  it('does not see what lies beside a link or a blob, which a thorough look tells', async () => {
    using tree = makeTree();
    const digest = layerDigest(1);
    tree.put(at.layer('app', digest), digest);
    tree.put(at.blob(digest), 'content');
    const beside = [at.layer('app', digest), at.blob(digest)].map((key) => `${key}.0.tmp`);
    for (const key of beside) tree.put(key, '');
    const { swift, thorough } = await tree.read();
    expect(swift.oddities).toEqual([]);
    expect(thorough.oddities.map(({ key }) => key).sort()).toEqual(beside.sort());
    expect(swift.counts).toEqual(thorough.counts);
  });
});

/** All that an inventory tells, or what the reading of a storage throws whose manifest is a directory, say. */
async function told(look: () => Promise<Inventory>): Promise<object> {
  try {
    return dumpOf(await look());
  } catch (error) {
    expect(error).toMatchObject({ code: 'STORAGE_FAILED' });
    return { thrown: (error as Error).message };
  }
}

function layersOf(inventory: Inventory): Record<string, string> {
  const links: Record<string, string> = {};
  const repository = inventory.repository('app') ?? expect.fail('no repository');
  inventory.eachLayerLink(repository, (path, target) => {
    links[inventory.digest(path)] = inventory.digest(target);
  });
  return links;
}

interface Tree extends Disposable {
  readonly root: string;
  put(key: string, content: string): void;
  look(thorough: boolean): Promise<Inventory>;
  read(): Promise<Readonly<Record<'swift' | 'thorough', Inventory>>>;
}

function makeTree(): Tree {
  const root = mkdtempSync(join(tmpdir(), 'registry-cleanup-swift-'));
  for (const area of [at.repositories, at.blobs]) mkdirSync(join(root, area), { recursive: true });
  async function look(thorough: boolean): Promise<Inventory> {
    const storage = await openStorage({ driver: 'filesystem', root });
    return readInventory(storage, { thorough, sharing: { threads: 0 } });
  }
  return {
    root,
    put(key, content) {
      const path = join(root, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    },
    look,
    read: async () => ({ swift: await look(false), thorough: await look(true) }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
