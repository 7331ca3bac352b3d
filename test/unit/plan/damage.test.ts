import { describe, expect, it } from 'vitest';
import { type Damage, findDamage } from '../../../src/plan/damage.ts';
import { corruptFindings, findFindings, type StorageFinding } from '../../../src/plan/findings.ts';
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
  return findDamage(await made.read()).map(({ kind, key, tag }) => ({ kind, key, tag }));
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

describe('findings', () => {
  async function findings(
    made: MemoryRegistry,
    missingAreas: readonly string[] = [],
  ): Promise<StorageFinding[]> {
    return findFindings(await made.read(), { major: 3, missingAreas });
  }

  it('come with errors first, each with a path and a cure', async () => {
    const made = memoryRegistry();
    made.storage.put(`${at.repositories}/notes.txt`, 'by hand');
    made.index('app', [absentDigest('child')], { tags: ['sparse'] });
    made.layer('app', 'holds _layers');
    made.storage.drop(at.revision('app', made.image('app', { tags: ['v1'] })));
    made.storage.symlink(`${at.repositories}/elsewhere`);
    const found = await findings(made, ['blobs/']);
    expect(found.map(({ severity, kind }) => `${severity} ${kind}`)).toEqual([
      'error tag-without-revision',
      'error symlink',
      'error half-a-storage',
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

  it('tell of a blob with other bytes than its name says: an error where a manifest names it', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'], layers: ['needed'] });
    const unneeded = made.blob('unneeded');
    const inventory = await made.read();
    const ids = [unneeded, digest('needed')].map((one) => inventory.find(one));
    expect(corruptFindings(inventory, new Set(ids))).toMatchObject([
      { severity: 'warning', kind: 'blob-corrupt', path: at.blob(unneeded), repository: null },
      { severity: 'error', kind: 'blob-corrupt', path: at.blob(digest('needed')), repository: 'app' },
    ]);
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
