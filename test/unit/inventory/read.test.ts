import { describe, expect, it } from 'vitest';
import type { Inventory, Repository } from '../../../src/inventory/inventory.ts';
import { type ReadProgress, readInventory } from '../../../src/inventory/read.ts';
import type { Reader } from '../../../src/storage/storage.ts';
import { faultyStorage } from '../../support/faulty-storage.ts';
import { at, digestOf } from '../../support/layout.ts';
import {
  absentDigest,
  descriptor,
  hour,
  type MemoryRegistry,
  memoryRegistry,
  now,
} from '../../support/memory-registry.ts';

const uuid = '0e8a5c6e-6c63-4b0c-9a11-5f3f9b1c2d3e';

describe('what is counted', () => {
  it('is every repository (nested ones too), tag, revision, layer link, blob and byte', async () => {
    const made = memoryRegistry();
    made.image('team', { tags: ['v1', 'v2'], layers: ['shared'] });
    made.image('team/app', { layers: ['shared', 'own'] });
    const { counts } = await made.read();
    expect(counts).toEqual({
      repositories: 2,
      tags: 2,
      manifests: 2,
      layerLinks: 5,
      blobs: 6,
      bytes: await bytesIn(made),
    });
  });

  it('is nothing in an empty storage', async () => {
    const { counts, oddities } = await memoryRegistry().read();
    expect(counts).toEqual({ repositories: 0, tags: 0, manifests: 0, layerLinks: 0, blobs: 0, bytes: 0 });
    expect(oddities).toEqual([]);
  });
});

describe('links', () => {
  it('of layers mean what they hold, not what their path says', async () => {
    const made = memoryRegistry();
    const stored = made.layer('app', 'content');
    const pushedAs = digestOf(Buffer.from('content'), 'sha512');
    made.storage.put(at.layer('app', pushedAs), stored);
    const inventory = await made.read();
    expect(layersOf(inventory, 'app')).toEqual({ [stored]: stored, [pushedAs]: stored });
    expect(inventory.oddities).toEqual([]);
  });

  it.each([
    ['empty', ''],
    ['a newline behind it', `${absentDigest('x')}\n`],
    ['capitals', absentDigest('x').replace(/[a-f]/g, (letter) => letter.toUpperCase())],
    ['cut', absentDigest('x').slice(0, 40)],
    ['no algorithm that is known', `md5:${'0'.repeat(32)}`],
    ['longer than any digest', 'sha256:'.padEnd(1_000, '0')],
    ['bytes that are no text', '\xff\xfe'],
  ])('that are spoilt (%s) are told once, and are no links', async (_how, content) => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    const other = made.image('app');
    const layer = made.layer('app', 'layer');
    const spoilt = [
      at.revision('app', image),
      at.revision('app', other),
      at.current('app', 'v1'),
      at.layer('app', layer),
    ];
    for (const key of spoilt) made.storage.put(key, content);
    const inventory = await made.read();
    expect(inventory.oddities.map(({ kind, key }) => [kind, key]).sort()).toEqual(
      spoilt.map((key) => ['malformed-link', key]).sort(),
    );
    expect(inventory.counts).toMatchObject({ repositories: 1, tags: 0, manifests: 0 });
    expect(layersOf(inventory, 'app')).not.toHaveProperty(layer);
  });

  it('that a tag needs and that are spoilt are told once, too', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'], layers: ['layer'] });
    const layer = digestOf(Buffer.from('layer'));
    made.storage.put(at.layer('app', layer), '');
    expect(await oddities(made)).toEqual([['malformed-link', at.layer('app', layer)]]);
    made.storage.put(at.revision('app', image), '');
    expect((await oddities(made)).sort()).toEqual(
      [
        ['malformed-link', at.layer('app', layer)],
        ['malformed-link', at.revision('app', image)],
      ].sort(),
    );
  });

  it('that are empty for a moment, as registry 2 writes them, are read again', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    const layer = made.layer('app', 'layer');
    const links = {
      [at.current('app', 'v1')]: image,
      [at.revision('app', image)]: image,
      [at.layer('app', layer)]: layer,
    };
    for (const key of Object.keys(links)) made.storage.put(key, '');
    let reads = 0;
    const reader: Reader = {
      ...made.storage,
      async read(key, limit) {
        const seen = await made.storage.read(key, limit);
        // Written whole after the second look at it.
        if (links[key] !== undefined && ++reads > 5) {
          for (const [link, digest] of Object.entries(links)) made.storage.put(link, digest, now - hour);
        }
        return seen;
      },
    };
    const inventory = await readInventory(reader);
    expect(inventory.oddities).toEqual([]);
    expect(inventory.counts).toMatchObject({ tags: 1, manifests: 1 });
    expect(layersOf(inventory, 'app')).toHaveProperty(layer);
    // Its time is that of the link which holds something.
    expect(repositoryOf(inventory, 'app').tags[0]).toMatchObject({ name: 'v1', modified: now - hour });
  });

  it('that vanish between the listing and the second look were deleted meanwhile', async () => {
    const made = memoryRegistry();
    const image = made.image('app');
    made.storage.put(at.revision('app', image), '');
    const reader: Reader = {
      ...made.storage,
      async read(key, limit) {
        const seen = await made.storage.read(key, limit);
        if (key === at.revision('app', image)) made.storage.drop(key);
        return seen;
      },
    };
    const inventory = await readInventory(reader);
    expect(inventory.oddities).toEqual([]);
    expect(inventory.counts.manifests).toBe(0);
  });

  it('of revisions must name what their path says', async () => {
    const made = memoryRegistry();
    const [one, other] = [made.image('app'), made.image('app')];
    made.storage.put(at.revision('app', one), other);
    const inventory = await made.read();
    expect(inventory.oddities).toEqual([
      { kind: 'link-mismatch', key: at.revision('app', one), detail: `names ${other}` },
    ]);
    expect(revisionsOf(inventory, 'app')).toEqual([other]);
  });
});

describe('tags', () => {
  it('have a target, a time and a history', async () => {
    const made = memoryRegistry();
    const [before, after] = [made.image('app', { tags: ['v1'] }), made.image('app')];
    made.tag('app', 'v1', after, { age: 3 * hour });
    const inventory = await made.read();
    const repository = repositoryOf(inventory, 'app');
    expect(repository.tags).toEqual([
      { name: 'v1', target: inventory.find(after), modified: now - 3 * hour },
    ]);
    expect(historyOf(inventory, 'app').sort()).toEqual([`v1 ${before}`, `v1 ${after}`].sort());
  });

  it('without current/link are none, and told', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    made.storage.drop(at.current('app', 'v1'));
    made.storage.mkdir(`${at.tag('app', 'bare')}/`);
    const inventory = await made.read();
    expect(inventory.counts.tags).toBe(0);
    expect(historyOf(inventory, 'app')).toEqual([`v1 ${image}`]);
    expect(inventory.oddities.map(({ kind, key }) => [kind, key]).sort()).toEqual([
      ['tag-without-current', at.current('app', 'bare')],
      ['tag-without-current', at.current('app', 'v1')],
    ]);
  });

  it('may have a history that cannot be read', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    made.storage.put(at.history('app', 'v1', image), '');
    expect(await oddities(made)).toEqual([['malformed-history', at.history('app', 'v1', image)]]);
  });
});

describe('uploads', () => {
  it('are as young as the newest thing that tells of them', async () => {
    const made = memoryRegistry();
    made.upload('app', uuid, { age: 5 * hour, startedAt: '2026-01-15T09:00:00Z', data: 'some' });
    expect(await uploadsOf(made)).toEqual([
      { repository: 'app', id: uuid, touched: now - 3 * hour, changed: now - 5 * hour, bytes: 4 },
    ]);
    made.storage.touch(`${at.upload('app', uuid)}/data`, now - hour);
    expect(await uploadsOf(made)).toMatchObject([{ touched: now - hour }]);
    made.storage.put(`${at.upload('app', uuid)}/hashstates/sha256/4`, 'state', now - 60_000);
    expect(await uploadsOf(made)).toMatchObject([{ touched: now - 60_000, changed: now - 60_000, bytes: 4 }]);
    // What `startedat` says is by another clock than the storage's.
    made.storage.put(`${at.upload('app', uuid)}/startedat`, '2026-02-01T00:00:00Z', now - 5 * hour);
    expect(await uploadsOf(made)).toMatchObject([{ changed: now - 60_000 }]);
  });

  it.each([
    [
      'startedat tells no time',
      (made: MemoryRegistry, file: string) => made.storage.put(`${file}/startedat`, 'soon'),
    ],
    ['startedat is empty', (made: MemoryRegistry, file: string) => made.storage.put(`${file}/startedat`, '')],
    [
      'startedat is a book',
      (made: MemoryRegistry, file: string) => made.storage.put(`${file}/startedat`, 'x'.repeat(1_000)),
    ],
    [
      'the store tells no time',
      (made: MemoryRegistry, file: string) => made.storage.touch(`${file}/data`, undefined),
    ],
  ])('have no known age where %s', async (_how, spoil) => {
    const made = memoryRegistry();
    made.upload('app', uuid);
    spoil(made, at.upload('app', uuid));
    expect(await uploadsOf(made)).toMatchObject([{ id: uuid, touched: undefined }]);
  });

  it('may be nothing but a directory', async () => {
    const made = memoryRegistry();
    made.storage.mkdir(`${at.upload('app', uuid)}/`, now - 9 * hour);
    expect(await uploadsOf(made)).toEqual([
      { repository: 'app', id: uuid, touched: now - 9 * hour, changed: undefined, bytes: 0 },
    ]);
  });
});

describe('what does not belong there', () => {
  it.each([
    ['stray', `${at.repositories}/notes.txt`],
    ['stray', `${at.repositories}/app/notes.txt`],
    ['stray', `${at.repositories}/app/_manifests/notes.txt`],
    ['stray', `${at.blobs}/sha256/notes.txt`],
    ['stray', `${at.blobs}/lost+found/#1`],
    ['temporary', `${at.current('app', 'v1')}.${uuid}.tmp`],
    ['temporary', `${at.blob(absentDigest('x'))}.${uuid}.tmp`],
    ['misplaced', `${at.repositories}/app/_manifests/revisions/link`],
    ['misplaced', `${at.repositories}/app/_layers/sha256/zz/link`],
    ['misplaced', `${at.blobs}/foo/data`],
    ['misplaced', at.blob(absentDigest('x')).replace(/sha256\/../, 'sha256/zz')],
    ['invalid-repository', `${at.repositories}/Upper Case/_layers/sha256/${'0'.repeat(64)}/link`],
    ['invalid-repository', `${at.repositories}/_uploads/${uuid}/data`],
  ])('is told as %s: %s', async (kind, key) => {
    const made = memoryRegistry();
    made.image('app');
    made.storage.put(key, 'by hand');
    expect(await oddities(made)).toEqual([[kind, key]]);
  });

  it.each(['revision', 'tag', 'layer', 'blob', 'upload', 'directory'])(
    'is told, and not followed, where it is no file: a symlink or FIFO for a %s',
    async (what) => {
      const digest = absentDigest('x');
      const key = {
        revision: at.revision('app', digest),
        tag: at.current('app', 'v1'),
        layer: at.layer('app', digest),
        blob: at.blob(digest),
        upload: `${at.upload('app', uuid)}/data`,
        directory: at.repository('app'),
      }[what];
      if (key === undefined) throw new Error(what);
      const linked = memoryRegistry();
      linked.storage.symlink(key);
      expect(await oddities(linked)).toEqual([['symlink', key]]);
      const special = memoryRegistry();
      special.storage.other(key);
      expect(await oddities(special)).toEqual([['special', key]]);
    },
  );

  it('is told where it is an empty directory that no registry makes', async () => {
    const made = memoryRegistry();
    made.storage.mkdir(`${at.repositories}/Some Thing/`);
    expect(await oddities(made)).toEqual([['stray', `${at.repositories}/Some Thing/`]]);
  });
});

describe('empty directories', () => {
  it('that a registry left are kept in mind; those that it needs are what makes a repository', async () => {
    const made = memoryRegistry();
    const needed = ['_layers', '_manifests/revisions', '_manifests/tags'];
    for (const name of needed) made.storage.mkdir(`${at.repositories}/app/${name}/`);
    const spare = [`${at.repositories}/app/_uploads/`, `${at.repositories}/bare/`, `${at.blobs}/sha256/ab/`];
    for (const key of spare) made.storage.mkdir(key);
    const inventory = await made.read();
    expect([...inventory.emptyDirectories].sort()).toEqual(spare.sort());
    expect([...repositoryOf(inventory, 'app').directories].sort()).toEqual(
      ['_layers', '_manifests', '_uploads', 'revisions', 'tags'].sort(),
    );
    expect(inventory.oddities).toEqual([]);
    expect(inventory.counts.repositories).toBe(1);
  });

  it('of a blob or a link that was deleted are spare', async () => {
    const made = memoryRegistry();
    const spare = [
      at.blob(absentDigest('x')),
      at.layer('app', absentDigest('x')),
      at.revision('app', absentDigest('x')),
    ].map((key) => key.slice(0, key.lastIndexOf('/') + 1));
    for (const key of spare) made.storage.mkdir(key);
    const inventory = await made.read();
    expect([...inventory.emptyDirectories].sort()).toEqual(spare.sort());
    expect(inventory.counts).toMatchObject({ repositories: 1, manifests: 0, layerLinks: 0, blobs: 0 });
  });
});

describe('manifests', () => {
  it('are known with what they name', async () => {
    const made = memoryRegistry();
    const layers = [
      descriptor(made.layer('app', 'layer'), 'application/octet-stream'),
      { ...descriptor(absentDigest('url'), 'application/octet-stream'), urls: ['https://example.org/'] },
    ];
    const image = made.image('app', { manifest: { layers }, subject: absentDigest('subject') });
    const index = made.index('app', [image, absentDigest('child')]);
    const inventory = await made.read();
    expect(inventory.manifest(inventory.find(image))).toMatchObject({
      state: 'ok',
      kind: 'image',
      foreign: Int32Array.of(inventory.find(absentDigest('url'))),
      subject: inventory.find(absentDigest('subject')),
    });
    expect(inventory.manifest(inventory.find(index))).toMatchObject({
      state: 'ok',
      kind: 'index',
      children: Int32Array.of(inventory.find(image), inventory.find(absentDigest('child'))),
      subject: -1,
    });
  });

  it.each([
    ['missing', undefined, /^$/],
    ['damaged', '', /^empty$/],
    ['damaged', '{"schemaVersion":2', /hash to sha256:/],
    ['damaged', 'x'.repeat(4 * 1024 * 1024 + 1), /longer than 4194304 bytes/],
  ])('are %s where their content is gone or spoilt', async (state, content, why) => {
    const made = memoryRegistry();
    const digest = made.image('app', { tags: ['v1'] });
    if (content === undefined) made.storage.drop(at.blob(digest));
    else made.storage.put(at.blob(digest), content);
    const inventory = await made.read();
    const manifest = inventory.manifest(inventory.find(digest));
    expect(manifest?.state).toBe(state);
    expect(manifest !== undefined && 'why' in manifest ? manifest.why : '').toMatch(why);
  });

  it.each([
    ['damaged', 'no JSON'],
    ['damaged', '{"schemaVersion":2,"config":{},"layers":[]}'],
    ['unknown', '{"schemaVersion":2,"mediaType":"application/vnd.example.new+json"}'],
    ['unknown', '{"schemaVersion":2}'],
  ])('are %s where nobody can tell what they name: %s', async (state, content) => {
    const made = memoryRegistry();
    const digest = made.manifest('app', content);
    const inventory = await made.read();
    expect(inventory.manifest(inventory.find(digest))).toMatchObject({ state });
  });
});

describe('reading again, with an earlier inventory', () => {
  it('sees tags and revisions as they are now, whatever their directories’ times', async () => {
    const made = memoryRegistry();
    const [one, two] = [made.image('app', { tags: ['v1'] }), made.image('app')];
    const first = await made.read();
    made.storage.put(at.current('app', 'v1'), two);
    const third = made.image('app', { tags: ['v2'], layers: ['new'] });
    made.storage.drop(at.revision('app', one));
    const second = await readInventory(made.storage, { known: first });
    expect(tagsOf(second, 'app')).toEqual({ v1: two, v2: third });
    expect(revisionsOf(second, 'app').sort()).toEqual([two, third].sort());
    // What the new manifest needs is known: itself, its config, its layer.
    const manifest = second.manifest(second.find(third));
    if (manifest?.state !== 'ok') throw new Error('the new manifest is not read');
    expect([second.find(third), ...manifest.blobs].every((id) => second.hasBlob(id))).toBe(true);
    // Ids mean the same in both.
    expect(second.find(one)).toBe(first.find(one));
    expect(second.oddities).toEqual([]);
  });

  it('takes layer links and blobs from it, unread', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    made.image('gone');
    const first = await made.read();
    made.storage.drop(at.repository('gone'));
    const asked: string[] = [];
    const reader: Reader = {
      ...made.storage,
      list: (prefix, skip) => {
        asked.push(prefix);
        return made.storage.list(prefix, skip);
      },
      read: (key, limit) => {
        asked.push(key);
        return made.storage.read(key, limit);
      },
    };
    const second = await readInventory(reader, { known: first });
    expect(layersOf(second, 'app')).toEqual(layersOf(first, 'app'));
    expect(second.repository('gone')).toBeUndefined();
    expect(second.counts.blobs).toBe(first.counts.blobs);
    expect(asked.filter((key) => key.includes('_layers') || key.includes('/blobs'))).toEqual([]);
  });

  it('reads a manifest again that was not whole at first', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    const content = await made.storage.read(at.blob(image));
    made.storage.put(at.blob(image), '');
    const first = await made.read();
    expect(first.manifest(first.find(image))).toMatchObject({ state: 'damaged' });
    made.storage.put(at.blob(image), content ?? '');
    const second = await readInventory(made.storage, { known: first });
    expect(second.manifest(second.find(image))).toMatchObject({ state: 'ok' });
  });
});

describe('a reading', () => {
  it.each([
    ['list', at.repositories],
    ['list', at.blobs],
    ['read', at.current('app', 'v1')],
    ['read', at.upload('app', uuid)],
  ] as const)(
    'that meets a failing disk (%s %s) fails, naming the path: never a gap',
    async (method, key) => {
      const made = memoryRegistry();
      made.image('app', { tags: ['v1'] });
      made.upload('app', uuid);
      const storage = faultyStorage(made.storage, { method, nth: 1, errno: 'EIO', key: new RegExp(key) });
      await expect(readInventory(storage)).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        message: expect.stringContaining(key),
      });
    },
  );

  it('tells how far it got, and ends when it is told to', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const told: ReadProgress[] = [];
    await readInventory(made.storage, { onProgress: (progress) => told.push(progress) });
    expect(told).toEqual([
      { phase: 'repositories', done: expect.any(Number) },
      { phase: 'blobs', done: 3, bytes: await bytesIn(made) },
      { phase: 'manifests', done: 1, total: 1 },
    ]);
    const reason = new Error('enough');
    await expect(readInventory(made.storage, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

function repositoryOf(inventory: Inventory, name: string): Repository {
  return inventory.repository(name) ?? expect.fail(`no repository ${name}`);
}

function layersOf(inventory: Inventory, name: string): Record<string, string> {
  const links: Record<string, string> = {};
  inventory.eachLayerLink(repositoryOf(inventory, name), (path, target) => {
    links[inventory.digest(path)] = inventory.digest(target);
  });
  return links;
}

function revisionsOf(inventory: Inventory, name: string): string[] {
  const digests: string[] = [];
  inventory.eachRevision(repositoryOf(inventory, name), (id) => digests.push(inventory.digest(id)));
  return digests;
}

function historyOf(inventory: Inventory, name: string): string[] {
  const entries: string[] = [];
  inventory.eachHistory(repositoryOf(inventory, name), (tag, id) =>
    entries.push(`${tag} ${inventory.digest(id)}`),
  );
  return entries;
}

function tagsOf(inventory: Inventory, name: string): Record<string, string> {
  return Object.fromEntries(
    repositoryOf(inventory, name).tags.map((tag) => [tag.name, inventory.digest(tag.target)]),
  );
}

async function uploadsOf(made: MemoryRegistry): Promise<readonly unknown[]> {
  return repositoryOf(await made.read(), 'app').uploads;
}

async function oddities(made: MemoryRegistry): Promise<(readonly [string, string])[]> {
  return (await made.read()).oddities.map(({ kind, key }) => [kind, key] as const);
}

async function bytesIn({ storage }: MemoryRegistry): Promise<number> {
  const blobs = storage.keys().filter((key) => key.startsWith(`${at.blobs}/`));
  const stats = await Promise.all(blobs.map((key) => storage.stat(key)));
  return stats.reduce((sum, stat) => sum + (stat?.size ?? 0), 0);
}
