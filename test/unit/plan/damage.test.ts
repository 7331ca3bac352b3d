import { describe, expect, it } from 'vitest';
import { readInventory } from '../../../src/inventory/read.ts';
import { type Damage, findDamage } from '../../../src/plan/damage.ts';
import { type About, findFindings, type StorageFinding } from '../../../src/plan/findings.ts';
import { warningsOf } from '../../../src/plan/warnings.ts';
import { at, digestOf } from '../../support/layout.ts';
import {
  absentDigest,
  descriptor,
  type MemoryRegistry,
  memoryRegistry,
} from '../../support/memory-registry.ts';

type Found = Pick<Damage, 'kind' | 'key' | 'tag'>;

async function damage(made: MemoryRegistry): Promise<Found[]> {
  return findDamage(await made.read()).damage.map(({ kind, key, tag }) => ({ kind, key, tag }));
}

function digest(content: string): string {
  return digestOf(Buffer.from(content));
}

describe('damage to a tag', () => {
  it('is none where everything is there', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    made.index('app', [image], { tags: ['multi'] });
    expect(await damage(made)).toEqual([]);
  });

  it('is that its revision is gone', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    made.storage.drop(at.revision('app', image));
    expect(await damage(made)).toEqual([
      { kind: 'tag-without-revision', key: at.current('app', 'v1'), tag: 'v1' },
    ]);
  });

  it('is that its manifest hangs on a layer link, as registry 2.1.0 linked them', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    made.storage.drop(at.revision('app', image));
    made.storage.put(at.layer('app', image), image);
    expect(await damage(made)).toEqual([
      { kind: 'tag-through-layers', key: at.current('app', 'v1'), tag: 'v1' },
    ]);
  });

  it('is that a manifest is gone: its own, or that of a child', async () => {
    const made = memoryRegistry();
    const child = made.image('app');
    const index = made.index('app', [child], { tags: ['v1'] });
    made.storage.drop(at.blob(child));
    expect(await damage(made)).toEqual([{ kind: 'manifest-missing', key: at.blob(child), tag: 'v1' }]);
    made.storage.drop(at.blob(index));
    expect(await damage(made)).toEqual([{ kind: 'manifest-missing', key: at.blob(index), tag: 'v1' }]);
  });

  it.each([
    ['manifest-damaged', ''],
    ['manifest-damaged', '{"schemaVersion":2,"layers":['],
  ])('is that a manifest is spoilt: %s', async (kind, content) => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    made.storage.put(at.blob(image), content);
    expect(await damage(made)).toEqual([{ kind, key: at.blob(image), tag: 'v1' }]);
  });

  it('is that its manifest is of no known kind', async () => {
    const made = memoryRegistry();
    const strange = made.manifest('app', '{"schemaVersion":2,"mediaType":"text/x-new"}', { tags: ['v1'] });
    expect(await damage(made)).toEqual([{ kind: 'manifest-unknown', key: at.blob(strange), tag: 'v1' }]);
  });

  it('is that a layer or config is gone, however deep in an index', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { layers: ['deep'] });
    made.index('app', [made.index('app', [image])], { tags: ['v1'] });
    made.storage.drop(at.blob(digest('deep')));
    expect(await damage(made)).toEqual([{ kind: 'blob-missing', key: at.blob(digest('deep')), tag: 'v1' }]);
  });

  it('is that a blob is there, and not linked in its repository', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'], layers: ['shared'] });
    made.layer('other', 'shared');
    made.storage.drop(at.layer('app', digest('shared')));
    expect(await damage(made)).toEqual([
      { kind: 'layer-link-missing', key: at.layer('app', digest('shared')), tag: 'v1' },
    ]);
  });

  it('is told once, though two tags have it', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1', 'v2'], layers: ['shared'] });
    made.image('app', { tags: ['v3'], layers: ['shared'] });
    made.storage.drop(at.blob(digest('shared')));
    expect(await damage(made)).toHaveLength(1);
    made.storage.put(at.blob(image), '');
    expect((await damage(made)).map(({ kind }) => kind).sort()).toEqual(['blob-missing', 'manifest-damaged']);
  });

  it('is not that a foreign layer is absent', async () => {
    const made = memoryRegistry();
    const foreign = { ...descriptor(absentDigest('x'), 'text/plain'), urls: ['https://example.org/x'] };
    made.image('app', { tags: ['v1'], manifest: { layers: [foreign] } });
    expect(await damage(made)).toEqual([]);
  });

  it('is not that a layer is linked by its sha512 and stored by its sha256', async () => {
    const made = memoryRegistry();
    const stored = made.layer('app', 'content');
    const named = digestOf(Buffer.from('content'), 'sha512');
    made.storage.put(at.layer('app', named), stored);
    made.image('app', { tags: ['v1'], manifest: { layers: [descriptor(named, 'text/plain')] } });
    expect(await damage(made)).toEqual([]);
    made.storage.drop(at.blob(stored));
    expect(await damage(made)).toEqual([{ kind: 'blob-missing', key: at.blob(stored), tag: 'v1' }]);
  });
});

describe('a child that its repository does not have', () => {
  it('is told, and not followed, though another repository has it', async () => {
    const made = memoryRegistry();
    const child = made.image('other', { layers: ['of the child'] });
    made.index('app', [child], { tags: ['v1'] });
    made.storage.drop(at.blob(digest('of the child')));
    expect(await damage(made)).toEqual([{ kind: 'sparse-index', key: at.revision('app', child), tag: 'v1' }]);
  });

  it('is no child where it is a layer that is linked, as in BuildKit’s cache', async () => {
    const made = memoryRegistry();
    const layer = made.layer('cache', 'layer');
    made.index('cache', [layer], { tags: ['main'] });
    expect(await damage(made)).toEqual([]);
    made.storage.drop(at.blob(layer));
    expect(await damage(made)).toEqual([{ kind: 'blob-missing', key: at.blob(layer), tag: 'main' }]);
  });
});

describe('damage that no tag has', () => {
  it('is a manifest that nobody can read: who knows what it kept', async () => {
    const made = memoryRegistry();
    const [spoilt, strange] = [made.image('app'), made.manifest('app', '{"schemaVersion":2}')];
    made.storage.put(at.blob(spoilt), '');
    const found = await damage(made);
    expect(found).toHaveLength(2);
    expect(found).toContainEqual({ kind: 'manifest-damaged', key: at.blob(spoilt), tag: undefined });
    expect(found).toContainEqual({ kind: 'manifest-unknown', key: at.blob(strange), tag: undefined });
  });

  it('is not that something is missing', async () => {
    const made = memoryRegistry();
    made.storage.drop(at.blob(made.image('app')));
    made.image('app', { layers: ['lost'] });
    made.storage.drop(at.blob(digest('lost')));
    expect(await damage(made)).toEqual([]);
  });
});

const about: About = { major: 3, missingAreas: [], allowNoTags: false, proxy: undefined };

async function findings(made: MemoryRegistry, changes: Partial<About> = {}): Promise<StorageFinding[]> {
  return findFindings(await made.plan(), { ...about, ...changes });
}

async function told(made: MemoryRegistry, changes: Partial<About> = {}): Promise<string[]> {
  return (await findings(made, changes)).map(({ severity, kind }) => `${severity} ${kind}`);
}

describe('findings', () => {
  it('come with the worst first, each with a path and a cure', async () => {
    const made = memoryRegistry();
    made.storage.put(`${at.repositories}/notes.txt`, 'by hand');
    made.index('app', [absentDigest('child')], { tags: ['sparse'] });
    made.layer('app', 'holds _layers');
    made.storage.drop(at.revision('app', made.image('app', { tags: ['v1'] })));
    made.storage.symlink(`${at.repositories}/elsewhere`);
    const found = await findings(made, { missingAreas: ['repositories/'] });
    expect(found.map(({ severity, kind }) => `${severity} ${kind}`)).toEqual([
      'error tag-without-revision',
      'error half-a-storage',
      'obstacle symlink',
      'warning sparse-index',
      'warning stray',
    ]);
    for (const { path, cure, detail } of found) {
      expect(path).toMatch(/^docker\/registry\/v2\//);
      expect(cure).toMatch(/^[A-Z].+\.$/);
      expect(detail).not.toBe('');
    }
    expect(found[0]).toMatchObject({ repository: 'app', tag: 'v1', path: at.current('app', 'v1') });
  });

  it('are none in a healthy registry', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    expect(await findings(made)).toEqual([]);
  });

  it('are errors where a tag needs it, obstacles where the collector alone does, and never both', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const untagged = made.image('app');
    made.storage.put(at.blob(untagged), '');
    expect(await told(made)).toEqual(['obstacle manifest-damaged']);
    made.tag('app', 'v2', untagged);
    expect(await told(made)).toEqual(['error manifest-damaged']);
    made.storage.put(at.current('app', 'v2'), '');
    expect(await told(made)).toEqual(['error malformed-link', 'obstacle manifest-damaged']);
  });

  it('tell once, and of the tag, what stands in the place of a link that the tag needs', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'], layers: ['needed'] });
    made.image('app', { tags: ['v2'] });
    made.storage.put(at.revision('app', image), 'no digest');
    const [one, ...others] = await findings(made);
    expect(one).toMatchObject({ severity: 'error', kind: 'malformed-link', path: at.revision('app', image) });
    expect(one).toMatchObject({ repository: 'app', tag: 'v1' });
    expect(others).toEqual([]);
    made.storage.put(at.revision('app', image), image);
    made.storage.put(at.layer('app', digest('needed')), '');
    expect(await findings(made)).toMatchObject([{ severity: 'error', kind: 'malformed-link', tag: 'v1' }]);
  });

  it('do not call missing what is behind a symbolic link', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'], layers: ['moved'] });
    for (const moved of [digest('moved'), image]) {
      made.storage.drop(at.blob(moved));
      made.storage.symlink(at.blob(moved));
    }
    expect(await findings(made)).toMatchObject([
      { severity: 'obstacle', kind: 'symlink', path: at.blob(digest('moved')), repository: null, tag: null },
      { severity: 'obstacle', kind: 'symlink', path: at.blob(image), repository: 'app', tag: 'v1' },
    ]);
  });

  it('tell once of a directory that is no repository, however many files are in it', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    for (const name of ['Upper Case', 'Other']) {
      for (const content of ['a', 'b', 'c']) {
        made.storage.put(at.layer(name, digest(content)), digest(content));
      }
    }
    expect(await told(made)).toEqual(['obstacle invalid-repository', 'obstacle invalid-repository']);
  });

  it('tell apart a manifest that was spoilt and one that was pushed so', async () => {
    const made = memoryRegistry();
    const forged = descriptor(`${absentDigest('x')}\n`, 'text/plain');
    const pushed = made.image('app', { tags: ['v1'], manifest: { layers: [forged] } });
    const found = await findings(made);
    expect(found).toMatchObject([{ severity: 'obstacle', kind: 'manifest-invalid', tag: 'v1' }]);
    expect(found[0]?.manifest).toBe(pushed);
    made.storage.put(at.blob(pushed), '{}');
    expect(await told(made)).toEqual(['error manifest-damaged']);
  });

  it('count links that lead to nothing and that no tag needs, a repository in one of them', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'], layers: ['needed'] });
    for (const name of ['a', 'b', 'c']) made.storage.drop(at.blob(made.layer('app', name)));
    made.storage.drop(at.blob(made.layer('other', 'a')));
    made.storage.drop(at.blob(made.image('other', { layers: [] })));
    expect(await findings(made)).toMatchObject([
      { severity: 'warning', kind: 'orphan-layer-links', repository: 'app', count: 3 },
      { severity: 'warning', kind: 'orphan-layer-links', repository: 'other', count: 1 },
      { severity: 'warning', kind: 'orphan-revisions', repository: 'other', count: 1 },
    ]);
    // What a tag needs is an error, and no orphan as well.
    made.storage.drop(at.blob(digest('needed')));
    expect(await told(made)).toEqual([
      'error blob-missing',
      'warning orphan-layer-links',
      'warning orphan-layer-links',
      'warning orphan-revisions',
    ]);
  });

  it('tell that there are no blobs at all, and not of each of them', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'], layers: ['a', 'b'] });
    for (const blob of [image, digest('a'), digest('b')]) made.storage.drop(at.blob(blob));
    expect(await told(made, { missingAreas: ['blobs/'] })).toEqual(['error half-a-storage']);
  });

  it('call nothing an error that a pull-through cache lacks: it fetches that when it is asked for', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'], layers: ['lost'] });
    made.storage.drop(at.blob(digest('lost')));
    expect(await told(made)).toEqual(['error blob-missing']);
    expect(await told(made, { proxy: 'https://registry-1.docker.io' })).toEqual(['warning blob-missing']);
  });

  it('tell of blobs with other bytes than their name says: an error where a tag needs them', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'], layers: ['needed'] });
    made.image('app', { layers: ['untagged'] });
    const unneeded = made.blob('unneeded');
    const plan = await made.plan();
    const id = (one: string): number => plan.kept.inventory.find(one);
    const corrupt = new Set([unneeded, digest('untagged'), digest('needed')].map(id));
    const found = findFindings(plan, about, { corrupt, unreadable: new Map() });
    expect(found).toMatchObject([
      { severity: 'error', kind: 'blob-corrupt', path: at.blob(digest('needed')), tag: 'v1' },
      { severity: 'warning', kind: 'blob-corrupt', path: at.blob(unneeded), repository: null },
      { severity: 'warning', kind: 'blob-corrupt', path: at.blob(digest('untagged')), repository: 'app' },
    ]);
    const unreadable = new Map([[id(digest('needed')), 'EIO: i/o error, read']]);
    expect(findFindings(plan, about, { corrupt: new Set(), unreadable })).toMatchObject([
      { severity: 'error', kind: 'blob-unreadable', tag: 'v1', detail: 'EIO: i/o error, read' },
    ]);
  });
});

describe('a blob that is not as long as its manifest says', () => {
  const layer = 'ten bytes!';

  function sized(size: number, tags: readonly string[] = ['v1'], stored = layer): MemoryRegistry {
    const made = memoryRegistry();
    const named = { ...descriptor(made.layer('app', layer), 'text/plain'), size };
    made.image('app', { tags, manifest: { layers: [named] } });
    made.image('app', { tags: ['other'] });
    made.storage.put(at.blob(digest(layer)), stored, 0);
    return made;
  }

  it('is an error, with both lengths, where a tag needs it and its end is missing', async () => {
    const [one, ...others] = await findings(sized(10, ['v1'], 'ten byt'));
    expect(one).toMatchObject({
      severity: 'error',
      kind: 'blob-size',
      path: at.blob(digest(layer)),
      repository: 'app',
      tag: 'v1',
      detail: expect.stringMatching(/ 7 bytes.* 10$/),
    });
    expect(others).toEqual([]);
  });

  it('harms nothing where it is the manifest that is wrong', async () => {
    expect(await findings(sized(300))).toMatchObject([
      { severity: 'warning', kind: 'wrong-descriptor', detail: expect.stringMatching(/ 10 bytes.* 300$/) },
    ]);
  });

  it('is none where it is right, or where the manifest does not say', async () => {
    for (const size of [10, 0, -1]) expect(await findings(sized(size))).toEqual([]);
  });

  it('is nobody’s business where no tag needs it', async () => {
    expect(await findings(sized(10, [], 'ten byt'))).toEqual([]);
  });

  it('is remembered by a second reading that builds on a first one', async () => {
    const made = sized(10, ['v1'], 'ten byt');
    const second = await readInventory(made.storage, { known: await made.read() });
    expect(findDamage(second).damage.map(({ kind }) => kind)).toEqual(['blob-size']);
  });
});

describe('warnings', () => {
  it('are one line a kind, with an example and how many more there are', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    for (const name of ['a', 'b', 'c']) made.storage.put(`${at.repositories}/${name}.txt`, 'by hand');
    made.storage.put(`${at.current('app', 'v1')}.0e8a5c6e.tmp`, '');
    made.storage.mkdir(`${at.tag('app', 'bare')}/`);
    made.index('app', [absentDigest('child')], { tags: ['sparse'] });
    const warnings = warningsOf(await made.read(), (key) => `/srv/${key}`);
    expect(warnings).toHaveLength(4);
    expect(warnings).toContainEqual(
      expect.stringMatching(/^\/srv\/.*\/repositories\/a\.txt: .*\(and 2 more\)$/),
    );
    expect(warnings).toContainEqual(expect.stringMatching(/\/link\.0e8a5c6e\.tmp: [^(]+$/));
    expect(warnings).toContainEqual(expect.stringMatching(/\/tags\/bare\/current\/link: [^(]+$/));
    expect(warnings).toContainEqual(expect.stringContaining(at.revision('app', absentDigest('child'))));
  });

  it('are none of what is refused, and none in a healthy registry', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    made.storage.symlink(`${at.repositories}/elsewhere`);
    expect(warningsOf(await made.read(), (key) => key)).toEqual([]);
  });
});
