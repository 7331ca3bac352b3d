import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/plan/plan.ts';
import { memoryRegistry } from '../../support/memory-registry.ts';

/** What each repository is said to free. */
const freed = (plan: Plan): Record<string, number> =>
  Object.fromEntries(plan.repositories.map(({ name, bytesFreed }) => [name, bytesFreed]));

describe('a blob that several repositories let go', () => {
  // As keys, "team-a/…" comes before "team/…".
  it('counts for the first of them by name, whichever is met first', async () => {
    const made = memoryRegistry();
    for (const name of ['team-a', 'team']) made.layer(name, 'of pushes that broke off');
    made.revision('team', made.image('team-a'));
    const plan = await made.plan();
    expect(plan.repositories.map(({ name }) => name)).toEqual(['team-a', 'team']);
    expect(plan.totals.removed.blobs).toBe(4);
    expect(freed(plan)).toEqual({ 'team-a': 0, team: plan.totals.removed.bytes });
  });

  it('counts for none that keeps it', async () => {
    const made = memoryRegistry();
    made.layer('other', 'shared');
    made.image('app', { tags: ['v1'], layers: ['shared'] });
    made.layer('team', 'shared');
    expect(freed(await made.plan())).toEqual({ app: 0, other: 0, team: 0 });
  });
});
