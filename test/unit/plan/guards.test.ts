import { describe, expect, it } from 'vitest';
import { findFindings } from '../../../src/plan/findings.ts';
import { askGuards, type GuardContext, type Refusal } from '../../../src/plan/guards.ts';
import type { Policy } from '../../../src/plan/plan.ts';
import { at, digestOf } from '../../support/layout.ts';
import {
  absentDigest,
  descriptor,
  hour,
  type MemoryRegistry,
  memoryRegistry,
} from '../../support/memory-registry.ts';

const calm = {
  major: 2,
  proxy: undefined,
  allowNoTags: false,
  missingAreas: [],
  apiRepositories: undefined,
} as const satisfies Omit<GuardContext, 'plan'>;

async function ask(
  made: MemoryRegistry,
  context: Partial<Omit<GuardContext, 'plan'>> = {},
  policy: Partial<Policy> = {},
): Promise<Refusal[]> {
  return askGuards({ ...calm, ...context, plan: await made.plan(policy) });
}

function healthy(): MemoryRegistry {
  const made = memoryRegistry();
  made.image('team/app', { tags: ['v1'] });
  made.image('team/app');
  return made;
}

describe('the guards', () => {
  it('let a healthy registry pass', async () => {
    for (const major of [2, 3]) {
      expect(await ask(healthy(), { major, apiRepositories: ['team/app'] })).toEqual([]);
    }
  });

  it('are all asked, and each refusal says what to do', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'], layers: [] });
    made.storage.symlink(`${at.repositories}/elsewhere`);
    made.storage.drop(at.current('app', 'v1'));
    const refusals = await ask(made, { proxy: 'https://registry-1.docker.io', apiRepositories: ['other'] });
    expect(refusals.map(({ guard }) => guard)).toEqual(['pull-through-cache', 'wrong-mount', 'symlink']);
    for (const { reason, cure } of refusals) {
      expect(reason).not.toBe('');
      expect(cure).toMatch(/^[A-Z].+\.$/);
    }
  });
});

describe('a pull-through cache', () => {
  it('is refused, naming what it caches', async () => {
    const [refusal] = await ask(healthy(), { proxy: 'https://registry-1.docker.io' });
    expect(refusal).toMatchObject({
      guard: 'pull-through-cache',
      reason: expect.stringContaining('docker.io'),
    });
  });
});

describe('a wrong mount', () => {
  it('is refused where the API lists a repository that the storage does not hold', async () => {
    const refusals = await ask(healthy(), { apiRepositories: ['team/app', 'team', 'team/app/nested'] });
    expect(refusals).toEqual([
      expect.objectContaining({
        guard: 'wrong-mount',
        key: `${at.repository('team')}/`,
        reason: expect.stringContaining('2 repositories'),
      }),
    ]);
  });

  it('is none where the API lists fewer, or was not asked', async () => {
    expect(await ask(healthy(), { apiRepositories: [] })).toEqual([]);
    expect(await ask(healthy(), { apiRepositories: undefined })).toEqual([]);
  });
});

describe('manifests without one tag in the whole registry', () => {
  it('are refused, unless that is what is wanted', async () => {
    const made = memoryRegistry();
    made.image('app');
    made.image('other', { tags: ['gone'] });
    made.storage.drop(at.current('other', 'gone'));
    expect(await ask(made)).toEqual([
      expect.objectContaining({ guard: 'no-tags', cure: expect.stringContaining('--unsafe-allow-no-tags') }),
    ]);
    expect(await ask(made, { allowNoTags: true })).toEqual([]);
  });

  it('are fine where one repository has a tag, or where there are none', async () => {
    const one = memoryRegistry();
    one.image('app');
    one.image('other', { tags: ['v1'] });
    expect(await ask(one)).toEqual([]);
    const none = memoryRegistry();
    none.layer('app', 'of a push that broke off');
    expect(await ask(none)).toEqual([]);
  });
});

describe('findings', () => {
  it('refuse where they are errors or obstacles, and only there: a run and check never disagree', async () => {
    const made = healthy();
    made.image('app', { tags: ['v2'], layers: ['lost'] });
    made.storage.drop(at.blob(digestOf(Buffer.from('lost'))));
    made.storage.put(at.blob(made.image('app')), '');
    made.storage.put(`${at.repositories}/notes.txt`, 'by hand');
    const plan = await made.plan();
    const found = findFindings(plan, calm).map(({ severity, kind }) => `${severity} ${kind}`);
    expect(found).toEqual(['error blob-missing', 'obstacle manifest-damaged', 'warning stray']);
    const refusals = askGuards({ ...calm, plan });
    expect(refusals.map(({ guard }) => guard)).toEqual(['blob-missing', 'manifest-damaged']);
  });

  it('refuse where they are errors, naming the path and who needs it', async () => {
    const made = healthy();
    const image = made.image('app', { tags: ['v2'], layers: ['lost'] });
    const lost = digestOf(Buffer.from('lost'));
    made.storage.drop(at.blob(lost));
    const [refusal] = await ask(made);
    expect(refusal).toMatchObject({
      guard: 'blob-missing',
      key: at.blob(lost),
      reason: expect.stringContaining('app:v2'),
    });
    made.storage.put(at.revision('app', image), '');
    expect((await ask(made)).map(({ guard, key }) => [guard, key])).toContainEqual([
      'malformed-link',
      at.revision('app', image),
    ]);
  });

  it('do not refuse where they are warnings', async () => {
    const made = healthy();
    made.index('app', [absentDigest('child')], { tags: ['sparse'] });
    made.layer('app', 'holds _layers');
    made.storage.put(`${at.repositories}/notes.txt`, 'by hand');
    made.storage.put(`${at.current('team/app', 'v1')}.0e8a5c6e.tmp`, '');
    expect(await ask(made)).toEqual([]);
  });
});

describe('a repository without _layers', () => {
  function without(tags: readonly string[]): MemoryRegistry {
    const made = healthy();
    made.index('bare', [], { tags });
    return made;
  }

  it('is refused by 2.x and 3.x where it has manifests', async () => {
    for (const major of [2, 3]) {
      expect(await ask(without(['v1']), { major })).toEqual([
        expect.objectContaining({ guard: 'no-layers-directory', key: `${at.repository('bare')}/_layers/` }),
      ]);
    }
  });

  it('is refused by 3.x alone where it has none: the collector of 2.x does not see it', async () => {
    const made = healthy();
    made.storage.mkdir(`${at.repository('bare')}/_manifests/revisions/`);
    expect(await ask(made, { major: 2 })).toEqual([]);
    expect(await ask(made, { major: 3 })).toHaveLength(1);
  });

  it('is fine where the directory is there and empty', async () => {
    const made = without(['v1']);
    made.storage.mkdir(`${at.repository('bare')}/_layers/`);
    expect(await ask(made, { major: 3 })).toEqual([]);
  });
});

describe('half a storage', () => {
  it.each(['blobs/', 'repositories/'])('is refused where the rest holds something: no %s', async (area) => {
    const [refusal] = await ask(healthy(), { missingAreas: [area] });
    expect(refusal).toMatchObject({ guard: 'half-a-storage', key: `docker/registry/v2/${area}` });
  });

  it('is refused where layer links are all that there is', async () => {
    const made = memoryRegistry();
    made.storage.drop(at.blob(made.layer('app', 'layer')));
    expect(await ask(made, { missingAreas: ['blobs/'] })).toHaveLength(1);
  });

  it('is fine where the rest holds nothing but an upload', async () => {
    const made = memoryRegistry();
    made.upload('app', 'first-of-all');
    expect(await ask(made, { missingAreas: ['blobs/'] })).toEqual([]);
  });
});

describe('a blob that is named by another algorithm than the one it is stored by', () => {
  function sha512(tags: readonly string[], age?: number): MemoryRegistry {
    const made = healthy();
    const stored = made.layer('app', 'content');
    const named = digestOf(Buffer.from('content'), 'sha512');
    made.storage.put(at.layer('app', named), stored);
    const layers = [descriptor(named, 'application/octet-stream')];
    made.image('app', { tags, manifest: { layers }, ...(age === undefined ? {} : { age }) });
    return made;
  }

  it('is refused where the manifest that names it stays, tagged or not', async () => {
    const digest = digestOf(Buffer.from('content'), 'sha512');
    const expected = expect.objectContaining({
      guard: 'other-algorithm',
      reason: expect.stringContaining(digest),
    });
    expect(await ask(sha512(['v1']))).toEqual([expected]);
    expect(await ask(sha512([], 0), {}, { untaggedKeepWithin: hour })).toEqual([expected]);
  });

  it('is fine where that manifest goes', async () => {
    expect(await ask(sha512([]))).toEqual([]);
  });
});

describe('a schema 1 manifest', () => {
  function schema1(tags: readonly string[]): MemoryRegistry {
    const made = healthy();
    made.schema1('old', tags);
    return made;
  }

  it('is refused by 3.x, whose collector fails on it, and by nobody else', async () => {
    expect(await ask(schema1(['v1']), { major: 3 })).toEqual([expect.objectContaining({ guard: 'schema1' })]);
    expect(await ask(schema1(['v1']), { major: 2 })).toEqual([]);
  });

  it('is fine where it goes', async () => {
    expect(await ask(schema1([]), { major: 3 })).toEqual([]);
  });
});
