import { describe, expect, it } from 'vitest';
import { findFindings } from '../../../src/plan/findings.ts';
import { askGuards } from '../../../src/plan/guards.ts';
import { isLeftAlone } from '../../../src/plan/isolate.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { at, digestOf } from '../../support/layout.ts';
import { linkedBlobs } from '../../support/linked-blobs.ts';
import {
  absentDigest,
  type MemoryRegistry,
  memoryRegistry,
  reasons,
  removals,
} from '../../support/memory-registry.ts';

const damage = 'isolate';
const about = {
  major: 2,
  missingAreas: [],
  allowNoTags: false,
  proxy: undefined,
  collector: 'native',
} as const;
const upload = '0e8a5c6e-6c63-4b0c-9a11-5f3f9b1c2d3e';

function digest(content: string): string {
  return digestOf(Buffer.from(content));
}

interface Scene {
  readonly made: MemoryRegistry;
  /** Of `hurt`: what its tag names, and what none does. */
  readonly tagged: string;
  readonly untagged: string;
}

/** `hurt` is about to be damaged; `healthy`, and what is nested in `hurt`, have something to clean. */
function scene(): Scene {
  const made = memoryRegistry();
  const tagged = made.image('hurt', { tags: ['v1'], layers: ['shared', 'own'] });
  const untagged = made.image('hurt', { layers: ['of the untagged'] });
  made.index('hurt', [made.image('hurt', { layers: ['of the child'] })]);
  made.layer('hurt', 'dead');
  made.upload('hurt', upload);
  for (const name of ['healthy', 'hurt/nested']) {
    made.image(name, { tags: ['v1'], layers: ['shared'] });
    made.image(name, { layers: [`garbage of ${name}`] });
    made.upload(name, upload);
  }
  made.blob('garbage of nobody');
  return { made, tagged, untagged };
}

const put =
  (key: (scene: Scene) => string, content: string | ((scene: Scene) => string)) =>
  (scene: Scene): void =>
    scene.made.storage.put(key(scene), typeof content === 'string' ? content : content(scene));
const drop =
  (key: (scene: Scene) => string) =>
  ({ made, ...scene }: Scene): void =>
    made.storage.drop(key({ made, ...scene }));
const fifo =
  (key: (scene: Scene) => string) =>
  (scene: Scene): void => {
    scene.made.storage.drop(key(scene));
    scene.made.storage.other(key(scene));
  };

const revision = ({ tagged }: Scene): string => at.revision('hurt', tagged);
const layer = (): string => at.layer('hurt', digest('own'));

const damages: readonly (readonly [kind: string, what: string, spoil: (scene: Scene) => void])[] = [
  ['tag-without-revision', 'a tag whose revision is gone', drop(revision)],
  [
    'tag-through-layers',
    'a tag that hangs on a layer link',
    (scene) => {
      scene.made.storage.drop(revision(scene));
      scene.made.storage.put(at.layer('hurt', scene.tagged), scene.tagged);
    },
  ],
  ['manifest-missing', 'a tag whose manifest is gone', drop(({ tagged }) => at.blob(tagged))],
  ['manifest-damaged', 'a tag whose manifest is spoilt', put(({ tagged }) => at.blob(tagged), '{')],
  ['manifest-damaged', 'an untagged manifest that is spoilt', put(({ untagged }) => at.blob(untagged), '')],
  [
    'manifest-invalid',
    'a manifest that was pushed as nobody can read it for sure',
    ({ made }) => void made.manifest('hurt', '{"schemaVersion":2,"schemaVersion":2}'),
  ],
  [
    'manifest-unknown',
    'a manifest of no known kind',
    ({ made }) => void made.manifest('hurt', '{"schemaVersion":2,"mediaType":"text/x-new"}'),
  ],
  ['blob-missing', 'a layer that is gone', drop(() => at.blob(digest('own')))],
  [
    'blob-size',
    'a layer that is cut off',
    ({ made }) => {
      const size = { mediaType: 'text/plain', digest: made.layer('hurt', 'sized'), size: 5 };
      made.image('hurt', { tags: ['sized'], layers: [], manifest: { layers: [size] } });
      made.storage.put(at.blob(digest('sized')), 'siz');
    },
  ],
  ['layer-link-missing', 'a layer whose link is gone', drop(layer)],
  ['malformed-link', 'a tag whose link is empty', put(() => at.current('hurt', 'v1'), '')],
  ['malformed-link', 'a revision link that a tag needs and that is empty', put(revision, '')],
  [
    'malformed-link',
    'a revision link that no tag needs and that has a newline at its end',
    put(
      ({ untagged }) => at.revision('hurt', untagged),
      ({ untagged }) => `${untagged}\n`,
    ),
  ],
  ['malformed-link', 'a layer link that a tag needs and that is empty', put(layer, '')],
  [
    'malformed-link',
    'a layer link that no tag needs and that is empty',
    put(() => at.layer('hurt', digest('of the untagged')), ''),
  ],
  [
    'link-mismatch',
    'a revision link that names another blob, which nobody else does',
    (scene) =>
      scene.made.storage.put(at.revision('hurt', scene.untagged), scene.made.blob('named by a link alone')),
  ],
  ['special', 'a revision link that is a FIFO', fifo(({ untagged }) => at.revision('hurt', untagged))],
  ['special', 'a layer link that is a FIFO', fifo(layer)],
];

/** Keys of what the plan removes below a repository's directory, not counting the nested one. */
function removedFrom(plan: Plan, repository: string): string[] {
  return Array.from(plan.remove, ({ key }) => key).filter(
    (key) => key.startsWith(`${at.repository(repository)}/`) && !key.includes('/nested/'),
  );
}

describe('a damaged repository', () => {
  it.each(damages)(
    'is left alone with all that it links to, and the others are cleaned: %s, %s',
    async (kind, _what, spoil) => {
      const built = scene();
      spoil(built);
      const { made } = built;
      const plan = await made.plan({ damage });
      expect([...plan.isolated]).toEqual(['hurt']);
      expect(plan.totals.isolated).toBe(1);
      expect(removedFrom(plan, 'hurt')).toEqual([]);
      const goes = new Set(removals(plan, 'blob'));
      const linked = await linkedBlobs(made.storage, 'hurt');
      expect([...linked].filter((key) => goes.has(key))).toEqual([]);
      // All that is nobody else's.
      for (const content of ['garbage of healthy', 'garbage of hurt/nested', 'garbage of nobody']) {
        expect(goes).toContain(at.blob(digest(content)));
      }
      for (const name of ['healthy', 'hurt/nested']) {
        const gone = Array.from(plan.remove).filter(({ repository }) => repository === name);
        expect(gone.map((one) => one.kind).sort()).toEqual([
          'layer-link',
          'layer-link',
          'revision',
          'upload',
        ]);
      }
      const figures = plan.repositories.find(({ name }) => name === 'hurt');
      expect(figures).toMatchObject({ layerLinksRemoved: 0, bytesFreed: 0 });
      expect(figures?.manifestsAfter).toBe(figures?.manifestsBefore);

      expect(askGuards({ ...about, plan, apiRepositories: undefined })).toEqual([]);
      const told = findFindings(plan, about).filter(({ leftAlone }) => leftAlone);
      expect(told.map((one) => one.kind)).toContain(kind);
      for (const { severity, repository, detail } of told) {
        expect([severity, repository]).toEqual(['warning', 'hurt']);
        expect(detail).toMatch(/^left alone: ./);
      }
    },
  );

  it.each(damages)('stops everything where that is not asked for: %s, %s', async (kind, _what, spoil) => {
    const built = scene();
    spoil(built);
    const plan = await built.made.plan({ collector: 'native' });
    expect([...plan.isolated]).toEqual([]);
    const guards = askGuards({ ...about, plan, apiRepositories: undefined }).map(({ guard }) => guard);
    expect(guards).toContain(kind);
  });

  it('is told as the reason why all of its manifests stay', async () => {
    const { made, tagged, untagged } = scene();
    made.storage.drop(at.blob(digest('own')));
    const plan = await made.plan({ damage });
    expect(reasons(plan)).toMatchObject({ [tagged]: 'isolated', [untagged]: 'isolated' });
    expect(plan.totals.kept).toMatchObject({ isolated: 4, tagged: 2, child: 0 });
  });

  it('is none where all is well', async () => {
    const { made } = scene();
    made.index('hurt', [absentDigest('child')], { tags: ['sparse'] });
    const plan = await made.plan({ damage });
    expect([...plan.isolated]).toEqual([]);
    expect(removedFrom(plan, 'hurt')).not.toEqual([]);
  });

  it('spares what children name that another repository has', async () => {
    const { made } = scene();
    const child = made.image('healthy', { layers: ['of the sparse child'] });
    made.index('hurt', [made.index('hurt', [child])], { tags: ['sparse'] });
    const blobs = async (): Promise<string[]> => removals(await made.plan({ damage }), 'blob');
    expect(await blobs()).toContain(at.blob(digest('of the sparse child')));
    made.storage.drop(at.blob(digest('own')));
    expect(await blobs()).not.toContain(at.blob(digest('of the sparse child')));
  });

  it('spares what a link of its leads to by its content', async () => {
    const { made } = scene();
    const stored = made.blob('by sha512');
    made.storage.put(at.layer('hurt', digestOf(Buffer.from('by sha512'), 'sha512')), stored);
    made.storage.drop(at.blob(digest('own')));
    expect(removals(await made.plan({ damage }), 'blob')).not.toContain(at.blob(stored));
  });

  it('spares what only the history of its tags names', async () => {
    const { made } = scene();
    const once = made.blob('once tagged');
    made.storage.put(at.history('hurt', 'v1', once), once);
    made.storage.drop(at.blob(digest('own')));
    expect(removals(await made.plan({ damage }), 'blob')).not.toContain(at.blob(once));
  });

  it('is every one that has the damaged manifest', async () => {
    const { made, tagged } = scene();
    made.revision('healthy', tagged);
    made.storage.put(at.blob(tagged), '{');
    expect([...(await made.plan({ damage })).isolated].sort()).toEqual(['healthy', 'hurt']);
  });

  it('is left alone though it is found damaged only by the second look, or only by the first', async () => {
    const { made } = scene();
    const whole = await made.plan({ damage });
    made.storage.drop(at.layer('hurt', digest('own')));
    const hurt = await made.plan({ damage });
    expect(removedFrom(whole, 'hurt')).not.toEqual([]);
    const second = await made.plan({ damage }, whole);
    expect([...second.isolated]).toEqual(['hurt']);
    expect(removedFrom(second, 'hurt')).toEqual([]);
    expect(removals(second, 'blob')).toEqual(removals(hurt, 'blob'));
    made.storage.put(at.layer('hurt', digest('own')), digest('own'));
    const mended = await made.plan({ damage }, hurt);
    expect([...mended.isolated]).toEqual([]);
    expect(removedFrom(mended, 'hurt')).toEqual([]);
    expect(removals(mended, 'blob')).toEqual(removals(hurt, 'blob'));
  });

  it('is no empty one, and none of uploads alone', async () => {
    const { made } = scene();
    made.upload('broken', upload);
    made.storage.drop(`${at.upload('broken', upload)}/data`);
    made.storage.other(`${at.upload('broken', upload)}/data`);
    const plan = await made.plan({ damage, removeEmptyRepositories: true });
    expect([...plan.isolated]).toEqual(['broken']);
    expect(plan.totals.removed).toMatchObject({ uploads: 3, repositories: 0 });
    expect(removedFrom(plan, 'broken')).toEqual([]);
  });
});

describe('what cannot be left alone', () => {
  const refused: readonly (readonly [guard: string, what: string, spoil: (scene: Scene) => void])[] = [
    [
      'symlink',
      'a symbolic link in a repository',
      (built) => {
        built.made.storage.drop(revision(built));
        built.made.storage.symlink(revision(built));
      },
    ],
    [
      'symlink',
      'a symbolic link for a repository',
      ({ made }) => made.storage.symlink(at.repository('moved')),
    ],
    [
      'invalid-repository',
      'a directory that holds links and is no repository',
      put(() => at.layer('Upper Case', digest('own')), digest('own')),
    ],
    ['special', 'a FIFO among the blobs', fifo(() => at.blob(digest('own')))],
    [
      'malformed-link',
      'an empty link of a layer by its sha512: nobody knows where it led',
      put(() => at.layer('hurt', absentDigest('x', 'sha512')), ''),
    ],
    [
      'no-tags',
      'not one tag',
      ({ made }) => {
        for (const name of ['hurt', 'healthy', 'hurt/nested']) made.storage.drop(at.current(name, 'v1'));
      },
    ],
  ];

  it.each(refused)('is refused: %s, %s', async (guard, _what, spoil) => {
    const built = scene();
    spoil(built);
    // Whether something in the repository is left alone, too, or not.
    for (const also of [false, true]) {
      if (also) built.made.storage.put(at.blob(built.untagged), '{');
      const plan = await built.made.plan({ damage });
      const guards = askGuards({ ...about, plan, apiRepositories: undefined }).map((one) => one.guard);
      expect(guards).toEqual([guard]);
    }
  });

  it('is half a storage, though every repository is damaged by it', async () => {
    const { made } = scene();
    made.storage.drop(`${at.blobs}/`);
    const context = { ...about, missingAreas: ['blobs/'], apiRepositories: undefined };
    const plan = await made.plan({ damage });
    expect(askGuards({ ...context, plan }).map(({ guard }) => guard)).toEqual(['half-a-storage']);
  });
});

describe('whether a key is in a repository that is left alone', () => {
  const isolated = new Set(['team/app']);

  it.each([
    ['docker/registry/v2/repositories/team/app/_layers/sha256/', true],
    ['docker/registry/v2/repositories/team/app/_manifests/revisions/sha256/ab/', true],
    ['docker/registry/v2/repositories/team/app/empty/', true],
    ['docker/registry/v2/repositories/team/app/', true],
    ['docker/registry/v2/repositories/team/app/nested/_layers/sha256/', false],
    ['docker/registry/v2/repositories/team/app2/_layers/sha256/', false],
    ['docker/registry/v2/repositories/team/', false],
    ['docker/registry/v2/blobs/sha256/ab/', false],
  ])('%s: %s', (key, alone) => {
    expect(isLeftAlone(isolated, key)).toBe(alone);
    expect(isLeftAlone(new Set(), key)).toBe(false);
  });
});
