import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/plan/plan.ts';
import type { ReportDocument } from '../../../src/report/document.ts';
import { makeDocument, newDraft } from '../../../src/report/draft.ts';
import { hour, memoryRegistry } from '../../support/memory-registry.ts';

const nothing = { tags: 0, manifests: 0, layerLinks: 0, uploads: 0, repositories: 0, blobs: 0, bytes: 0 };

function documentOf(plan: Plan, outcome: ReportDocument['outcome'], dryRun: boolean): ReportDocument {
  const draft = { ...newDraft('plan', dryRun, { keepWithin: '1h', sweeper: 'registry' }), plan };
  return makeDocument(draft, { outcome, error: undefined, exitCode: 0, steps: [] });
}

describe('the document of a dry run', () => {
  it('tells as removed what the plan lets go', async () => {
    const made = memoryRegistry();
    made.image('app');
    const plan = await made.plan();
    const document = documentOf(plan, 'ok', true);
    expect(document.removed).toEqual(plan.totals.removed);
    expect(document.later).toEqual(nothing);
    expect([...(document.items?.remove ?? [])]).toEqual([...plan.remove]);
    expect(document.repositories).toMatchObject([{ name: 'app', manifestsBefore: 1, manifestsAfter: 0 }]);
    expect(document.after).toBeNull();
  });

  it.each(['refused', 'interrupted', 'failed'] as const)(
    'foretells nothing when it is %s',
    async (outcome) => {
      const made = memoryRegistry();
      made.image('app');
      expect(documentOf(await made.plan(), outcome, true)).toMatchObject({
        removed: nothing,
        later: nothing,
        repositories: [],
      });
    },
  );
});

describe('the document of a run', () => {
  const removed = { ...nothing, manifests: 1 };
  const interrupted = { outcome: 'interrupted', error: undefined, exitCode: 143, steps: [] } as const;

  it('tells repositories once it has measured what is left', async () => {
    const made = memoryRegistry();
    made.image('app');
    const plan = await made.plan();
    const draft = {
      ...newDraft('run', false, { keepWithin: '1h', sweeper: 'registry' }),
      plan,
      removed,
      after: plan.totals.before,
    };
    expect(makeDocument(draft, interrupted).repositories).toHaveLength(1);
  });

  it('claims nothing of repositories when it ended before that', async () => {
    const made = memoryRegistry();
    made.image('app');
    const draft = {
      ...newDraft('run', false, { keepWithin: '1h', sweeper: 'registry' }),
      plan: await made.plan(),
      removed,
    };
    expect(makeDocument(draft, interrupted)).toMatchObject({ removed, after: null, repositories: [] });
  });
});

describe.each(['registry', 'native'] as const)('the document of a run with the %s collector', (sweeper) => {
  it('tells young blobs as kept only where they are', async () => {
    const made = memoryRegistry();
    made.blob('of nobody', { age: 0 });
    const plan = await made.plan({ untaggedKeepWithin: hour });
    const draft = { ...newDraft('run', false, { keepWithin: '1h', sweeper }), plan };
    const { young } = makeDocument(draft, { outcome: 'ok', error: undefined, exitCode: 0, steps: [] });
    expect(young).toMatchObject(sweeper === 'native' ? { blobs: 1, bytes: 9 } : { blobs: 0, bytes: 0 });
  });
});

describe.each([true, false])(
  'the document where nothing is worth closing the registry for (dry run: %s)',
  (dryRun) => {
    it('tells what is left to a later run, and nothing as removed', async () => {
      const made = memoryRegistry();
      made.image('app', { tags: ['v1'] });
      made.upload('app', 'one', { data: 'four' });
      const plan = await made.plan();
      expect(plan.worthwhile).toBe(false);
      const document = documentOf(plan, 'nothing-to-do', dryRun);
      expect(document).toMatchObject({
        removed: nothing,
        later: { ...nothing, uploads: 1 },
        repositories: [],
      });
      expect(document.items?.remove).toEqual([]);
    });
  },
);
