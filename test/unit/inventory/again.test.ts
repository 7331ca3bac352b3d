import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Inventory } from '../../../src/inventory/inventory.ts';
import { type ReadOptions, readInventory, readReferences } from '../../../src/inventory/read.ts';
import { rereadDelays } from '../../../src/inventory/read-link.ts';
import { Threads } from '../../../src/inventory/threads.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { dumpOf } from '../../support/inventory-dump.ts';
import { at, digestOf } from '../../support/layout.ts';
import { absentDigest } from '../../support/memory-registry.ts';
import { randomRegistry, write } from '../../support/random-registry.ts';
import { doSpoil, spoil } from '../../support/spoil.ts';

// Nobody writes here while it is read: a bad link need not be waited for.
rereadDelays.fill(0);

/** Files that were opened, and what the file system is said to be. */
const files = vi.hoisted(() => ({ opened: [] as string[], type: undefined as number | undefined }));
vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:fs')>();
  return {
    ...original,
    openSync(...args: Parameters<typeof original.openSync>) {
      files.opened.push(String(args[0]));
      return original.openSync(...args);
    },
    statfsSync(path: string) {
      const told = original.statfsSync(path);
      return { ...told, type: files.type ?? told.type };
    },
  };
});
const { now } = Date;
beforeEach(() => {
  files.type = 0xef53;
  // As if everything had been written a minute ago.
  Date.now = () => now() + 60_000;
});
afterEach(() => {
  Date.now = now;
});

const swift = { thorough: false, sharing: { threads: 0 } } as const satisfies ReadOptions;
const old = 1_600_000_000;
const long = process.env.LONG === '1';

describe('references that are looked at again', () => {
  it('are as a look at everything tells them, whatever happened meanwhile', async () => {
    const scenario = fc.record({
      registry: randomRegistry,
      spoils: fc.array(spoil, { maxLength: 3 }),
      later: fc.array(spoil, { maxLength: 3 }),
      pieces: fc.boolean(),
    });
    const property = fc.asyncProperty(scenario, async ({ registry, spoils, later, pieces }) => {
      using tree = makeTree();
      write(registry, tree);
      const spoilAll = (all: typeof spoils) =>
        all.map((one) => doSpoil(join(tree.root, at.repositories), one)).filter((told) => told !== undefined);
      spoilAll(spoils);
      const options = { ...swift, sharing: { threads: 0, splitAt: pieces ? 2 : undefined } };
      const reader = await tree.open();
      const first = await readInventory(reader, options);
      // Where a directory of layer links is none, looking for one that is missing fails, thoroughly or not.
      const second = await readInventory(reader, { ...options, known: first }).catch(orNothing);
      fc.pre(second !== undefined);
      expect(referencesOf(second, [])).toEqual(referencesOf(first, []));
      // Longer than a tick of the file system's clock.
      await sleep(10);
      const done = spoilAll(later);
      // Whoever looked into a directory before does not see that it has become a link to one.
      fc.pre(!done.some((told) => /^symlink .*\/current$/.test(told)));
      const all = referencesOf(await readInventory(reader, { ...options }), done);
      const again = await readInventory(reader, { ...options, known: second }).catch(orNothing);
      fc.pre(again !== undefined);
      expect(referencesOf(again, done)).toEqual(all);
      const references = await readReferences(reader, { ...options, known: second });
      // Their history is nobody's concern.
      const noHistory = [...done, '/tags'];
      expect(referencesOf(references, noHistory)).toEqual(referencesOf(again, noHistory));
    });
    await fc.assert(property, { numRuns: long ? 2_000 : 60, endOnFailure: !long });
  }, 600_000);

  it('are the inventory that is known already, where nothing has changed', async () => {
    using tree = makeTree();
    someRegistry(tree);
    const reader = await tree.open();
    const first = await readInventory(reader, swift);
    expect(await readInventory(reader, { ...swift, known: first })).toBe(first);
    expect(await readInventory(reader, { ...swift, known: first, afresh: true })).not.toBe(first);
    expect(await readInventory(reader, { ...swift, known: first, thorough: true })).not.toBe(first);
  });

  it.each<[string, (tree: Tree) => void]>([
    ['a tag that was moved', (tree) => tree.put(at.current('app', 'v1'), absentDigest('2'))],
    ['a tag that was written again', (tree) => tree.put(at.current('app', 'v1'), absentDigest('1'))],
    ['a tag that has come', (tree) => tree.put(at.current('app', 'v3'), absentDigest('1'))],
    ['a tag that is gone', (tree) => tree.drop(at.tag('app', 'v2'))],
    [
      'a revision that has come',
      (tree) => tree.put(at.revision('app', absentDigest('3')), absentDigest('3')),
    ],
    [
      'a revision that was written again',
      (tree) => tree.put(at.revision('app', absentDigest('1')), absentDigest('1')),
    ],
    ['a revision that is gone', (tree) => tree.drop(dirname(at.revision('app', absentDigest('2'))))],
    [
      'a repository that has come',
      (tree) => tree.put(at.revision('new', absentDigest('1')), absentDigest('1')),
    ],
    ['a repository that is gone', (tree) => tree.drop(at.repository('other'))],
    ['an upload that has come', (tree) => tree.put(`${at.repository('app')}/_uploads/a-b/data`, 'some')],
    ['an upload that has grown', (tree) => tree.put(`${at.repository('other')}/_uploads/u-1/data`, 'more')],
    ['something odd', (tree) => tree.put(`${at.repository('app')}/_manifests/notes.txt`, 'by hand')],
    ['a directory that is empty', (tree) => mkdirSync(join(tree.root, `${at.repository('app')}/empty`))],
  ])('are not, for %s', async (_what, change) => {
    using tree = makeTree();
    someRegistry(tree);
    const reader = await tree.open();
    const first = await readInventory(reader, swift);
    change(tree);
    const again = await readInventory(reader, { ...swift, known: first });
    expect(again).not.toBe(first);
    expect(referencesOf(again, [])).toEqual(referencesOf(await readInventory(reader, swift), []));
  });

  it('are opened no more, unless something about them was changed', async () => {
    using tree = makeTree();
    someRegistry(tree);
    const reader = await tree.open();
    const first = await readInventory(reader, swift);
    const links = [at.current('app', 'v1'), at.current('app', 'v2'), at.revision('app', absentDigest('1'))];
    const opened = async (look: () => Promise<Inventory>): Promise<string[]> => {
      files.opened.length = 0;
      await look();
      return links.filter((key) => files.opened.includes(join(tree.root, key)));
    };
    const known = { ...swift, known: first };
    expect(await opened(() => readInventory(reader, known))).toEqual([]);
    expect(await opened(() => readReferences(reader, known))).toEqual([]);
    chmodSync(join(tree.root, at.current('app', 'v2')), 0o600);
    chmodSync(join(tree.root, at.revision('app', absentDigest('1'))), 0o600);
    expect(await opened(() => readReferences(reader, known))).toEqual(links.slice(1));
    expect(await opened(() => readInventory(reader, known))).toEqual(links.slice(1));
  });

  it('are opened, where they were changed right before they were read', async () => {
    Date.now = now;
    await expectOpenedAgain();
  });

  it('are seen to name something else, though size and time were put back', async () => {
    using tree = makeTree();
    someRegistry(tree);
    const reader = await tree.open();
    const first = await readInventory(reader, swift);
    const path = join(tree.root, at.current('app', 'v1'));
    const { atimeMs, mtimeMs } = statSync(path);
    writeFileSync(path, absentDigest('2'));
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
    expect(statSync(path).mtimeMs).toBe(mtimeMs);
    const again = await readReferences(reader, { ...swift, known: first });
    const tag = again.repository('app')?.tags.find(({ name }) => name === 'v1');
    expect(tag?.target).toBe(again.find(absentDigest('2')));
  });

  it.each([
    ['NFS', 0x6969],
    ['CIFS', 0xff534d42],
    ['FUSE', 0x65735546],
    ['one that nobody here knows', 1],
  ])('are opened each time on %s, which knows of changes by hearsay', async (_name, type) => {
    files.type = type;
    await expectOpenedAgain();
  });

  it('keep the history of tags that are as they were, and have that of others anew', async () => {
    using tree = makeTree();
    someRegistry(tree);
    const reader = await tree.open();
    const first = await readInventory(reader, swift);
    tree.put(at.current('app', 'v1'), absentDigest('2'));
    tree.put(at.history('app', 'v1', absentDigest('2')), absentDigest('2'));
    const again = await readInventory(reader, { ...swift, known: first });
    expect(historyOf(again)).toEqual(
      [
        `v1 ${absentDigest('1')}`,
        `v1 ${absentDigest('2')}`,
        `v2 ${absentDigest('1')}`,
        `v2 ${absentDigest('2')}`,
      ].sort(),
    );
  });

  it('tell again what is odd about a tag whose link is as it was', async () => {
    using tree = makeTree();
    someRegistry(tree);
    tree.put(`${at.tag('app', 'v1')}/index/notes.txt`, 'by hand');
    symlinkSync('nowhere', join(tree.root, at.tag('app', 'v2'), 'away'));
    const reader = await tree.open();
    const first = await readInventory(reader, swift);
    expect(first.oddities.map(({ kind }) => kind).sort()).toEqual(['stray', 'symlink']);
    tree.put(at.current('app', 'v3'), absentDigest('1'));
    const again = await readInventory(reader, { ...swift, known: first });
    expect(again).not.toBe(first);
    expect(again.oddities).toEqual(expect.arrayContaining([...first.oddities]));
    expect(again.oddities).toHaveLength(2);
  });

  it.each<[string, readonly string[], (tree: Tree) => void]>([
    ['a tag has come', ['other'], (tree) => tree.put(at.current('app', 'v3'), absentDigest('1'))],
    ['a tag is gone', ['other'], (tree) => tree.drop(at.tag('app', 'v2'))],
    [
      'a revision has come',
      ['other'],
      (tree) => tree.put(at.revision('app', absentDigest('3')), absentDigest('3')),
    ],
    [
      'a revision has come, and its link is cut off',
      ['other'],
      (tree) => tree.put(at.revision('app', absentDigest('3')), 'sha256:'),
    ],
    ['a revision is gone', ['other'], (tree) => tree.drop(dirname(at.revision('app', absentDigest('2'))))],
    [
      'a repository has come',
      ['other'],
      (tree) => tree.put(at.revision('new', absentDigest('1')), absentDigest('1')),
    ],
    ['an upload has come', ['app'], (tree) => tree.put(`${at.repository('other')}/_uploads/a/data`, 'b')],
    [
      'something odd has come',
      ['other'],
      (tree) => tree.put(`${at.repository('app')}/_manifests/tags/v1/notes.txt`, 'by hand'),
    ],
    [
      'a tag that is looked at closely was moved',
      ['app'],
      (tree) => tree.put(at.current('app', 'v1'), absentDigest('2')),
    ],
    [
      'a revision that is looked at closely was written again',
      ['app'],
      (tree) => tree.put(at.revision('app', absentDigest('1')), absentDigest('1')),
    ],
    ['nothing has happened', ['app'], () => {}],
  ])(
    'are told by their names in repositories that are not looked at closely: %s',
    async (_what, names, change) => {
      using tree = makeTree();
      someRegistry(tree);
      const reader = await tree.open();
      const first = await readInventory(reader, swift);
      change(tree);
      const options = { ...swift, known: first };
      const all = await readReferences(reader, options);
      for (const splitAt of [undefined, 1]) {
        const sharing = { threads: 0, splitAt };
        const again = await readReferences(reader, { ...options, sharing, closely: new Set(names) });
        expect(referencesOf(again, ['/tags'])).toEqual(referencesOf(all, ['/tags']));
        expect(again.oddities).toEqual(all.oddities);
      }
    },
  );

  it('are not looked at where names are enough, unless others may write past the kernel', async () => {
    using tree = makeTree();
    someRegistry(tree);
    const known = await readInventory(await tree.open(), swift);
    tree.put(at.current('app', 'v1'), absentDigest('2'));
    const look = async (...closely: string[]) => {
      const options = { ...swift, known, closely: new Set(closely) };
      const again = await readReferences(await tree.open(), options);
      return again.repository('app')?.tags.find(({ name }) => name === 'v1')?.target;
    };
    const [one, two] = [absentDigest('1'), absentDigest('2')].map((digest) => known.find(digest));
    expect(await look()).toBe(one);
    expect(await look('other')).toBe(one);
    expect(await look('app')).toBe(two);
    files.type = 0x6969;
    expect(await look()).toBe(two);
  });

  it.each([swift, { thorough: true }])(
    'are those of some repositories alone, where others are not asked for',
    async (how) => {
      using tree = makeTree();
      someRegistry(tree);
      tree.put(at.current('app/nested', 'v1'), absentDigest('1'));
      const near = await tree.open();
      const first = await readInventory(near, how);
      const only = new Set(['app', 'app/nested', 'gone']);
      for (const reader of [near, { ...near, near: undefined }]) {
        const again = await readReferences(reader, { ...how, known: first, only });
        expect(again.repositories.map(({ name }) => name).sort()).toEqual(['app', 'app/nested']);
        for (const { name, tags } of again.repositories)
          expect(tags).toHaveLength(first.repository(name)?.tags.length ?? -1);
      }
    },
  );
});

it('threads go on from one reading to the next, and are gone in the end', async () => {
  using tree = makeTree();
  someRegistry(tree);
  const reader = await tree.open();
  const threads = new Threads();
  const sharing = { threads: 2 };
  const first = await readInventory(reader, { thorough: false, sharing, threads });
  const near = reader.near ?? expect.fail('it is near');
  const crew = await threads.crew(near, { thorough: false, ...sharing });
  const references = await readReferences(reader, { thorough: false, sharing, threads, known: first });
  expect(references.counts.tags).toBe(first.counts.tags);
  expect(await threads.crew(near, { thorough: false, ...sharing })).toBe(crew);
  await threads.close();
  const next = await threads.crew(near, { thorough: false, ...sharing });
  expect(next).not.toBe(crew);
  expect(await threads.crew(near, { thorough: true, ...sharing })).not.toBe(next);
  await threads.close();
});

it('a reading that was ended leaves nothing to the next one', async () => {
  using tree = makeTree();
  someRegistry(tree);
  const reader = await tree.open();
  await using threads = new Threads();
  const options = { thorough: false, sharing: { threads: 1 }, threads };
  const whole = await readInventory(reader, options);
  const abort = new AbortController();
  const onProgress = (): void => abort.abort(new Error('enough'));
  await expect(readInventory(reader, { ...options, signal: abort.signal, onProgress })).rejects.toThrow(
    'enough',
  );
  expect(dumpOf(await readInventory(reader, options))).toEqual(dumpOf(whole));
});

/** That a second look opens links of which nothing has changed. */
async function expectOpenedAgain(): Promise<void> {
  using tree = makeTree();
  someRegistry(tree);
  const reader = await tree.open();
  const first = await readInventory(reader, swift);
  files.opened.length = 0;
  await readReferences(reader, { ...swift, known: first });
  expect(files.opened).toContain(join(tree.root, at.current('app', 'v1')));
  expect(files.opened).toContain(join(tree.root, at.revision('app', absentDigest('1'))));
}

function orNothing(error: unknown): undefined {
  expect(error).toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringContaining('symbolic link') });
}

/** Tags, revisions and uploads, and tag history as far as nothing was done among tags. */
function referencesOf(inventory: Inventory, done: readonly string[]): object {
  const { repositories } = dumpOf(inventory) as {
    repositories: Record<string, { tags: unknown; revisions: unknown; uploads: unknown; history: unknown }>;
  };
  const isQuiet = !done.some((told) => told.includes('/tags'));
  const told = Object.entries(repositories)
    .filter(([, { tags, revisions, uploads }]) =>
      [tags, revisions, uploads].some((list) => String(list) !== ''),
    )
    .map(([name, { tags, revisions, uploads, history }]) => [
      name,
      { tags, revisions, uploads, history: isQuiet ? history : undefined },
    ]);
  return Object.fromEntries(told);
}

function historyOf(inventory: Inventory): string[] {
  const told: string[] = [];
  const repository = inventory.repository('app') ?? expect.fail('no repository');
  inventory.eachHistory(repository, (tag, id) => told.push(`${tag} ${inventory.digest(id)}`));
  return told.sort();
}

/** Two repositories, tags, revisions and an upload; everything is old. */
function someRegistry(tree: Tree): void {
  const [one, two] = [absentDigest('1'), absentDigest('2')];
  for (const digest of [one, two]) tree.put(at.revision('app', digest), digest, old);
  for (const [tag, digest] of [
    ['v1', one],
    ['v2', two],
  ] as const) {
    tree.put(at.current('app', tag), digest, old);
    tree.put(at.history('app', tag, digest), digest, old);
  }
  tree.put(at.history('app', 'v2', one), one, old);
  tree.put(at.layer('app', digestOf(Buffer.from('layer'))), digestOf(Buffer.from('layer')), old);
  tree.put(at.current('other', 'v1'), one, old);
  tree.put(at.revision('other', one), one, old);
  tree.put(`${at.repository('other')}/_uploads/u-1/data`, 'so', old);
}

interface Tree extends Disposable {
  readonly root: string;
  /** `seconds` since the epoch; left out: now. */
  put(key: string, content: string, seconds?: number): void;
  drop(key: string): void;
  open(): ReturnType<typeof openStorage>;
}

function makeTree(): Tree {
  const root = mkdtempSync(join(tmpdir(), 'registry-cleanup-again-'));
  for (const area of [at.repositories, at.blobs]) mkdirSync(join(root, area), { recursive: true });
  return {
    root,
    put(key, content, seconds) {
      const path = join(root, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      if (seconds !== undefined) utimesSync(path, seconds, seconds);
    },
    drop: (key) => rmSync(join(root, key), { recursive: true }),
    open: () => openStorage({ driver: 'filesystem', root }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
