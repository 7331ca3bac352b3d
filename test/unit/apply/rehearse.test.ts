import { describe, expect, it } from 'vitest';
import type { Collection } from '../../../src/apply/collector.ts';
import { compareRehearsal } from '../../../src/apply/rehearse.ts';
import { CleanupError } from '../../../src/errors.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { at } from '../../support/layout.ts';
import { type MemoryRegistry, memoryRegistry, policy } from '../../support/memory-registry.ts';

/** What a collector that sees the storage as the plan does says of it, `over` it. */
function agreeing(plan: Plan): { -readonly [K in keyof Collection]: Collection[K] } {
  const { inventory, manifests } = plan.kept;
  const sweeps = new Uint8Array(inventory.digestCount);
  for (const { kind, digest } of plan.remove) {
    if (kind === 'blob' && digest !== undefined) sweeps[inventory.find(digest)] = 1;
  }
  const marked = inventory.repositories.flatMap(({ name, index }) =>
    [...(manifests[index]?.keys() ?? [])]
      .filter((id) => inventory.manifest(id)?.state !== 'missing')
      .map((id) => `${name} ${id}`),
  );
  const blobs = sweeps.reduce((sum, one) => sum + one, 0);
  return { sweeps, unknown: [], blobs, marked: new Set(marked), manifests: new Set() };
}

function reasonsOf(compare: () => void): readonly string[] {
  try {
    compare();
  } catch (error) {
    if (!(error instanceof CleanupError)) throw error;
    expect([error.code, error.exitCode]).toEqual(['REHEARSAL_DISAGREES', 6]);
    return error.details;
  }
  return [];
}

function registry(): { made: MemoryRegistry; kept: string; layer: string } {
  const made = memoryRegistry();
  const kept = made.image('app', { tags: ['v1'], layers: ['layer'] });
  made.image('app', { layers: ['layer', 'dead'] });
  made.image('other', { tags: ['v1'] });
  return { made, kept, layer: made.layer('app', 'layer') };
}

describe('the rehearsal', () => {
  it('agrees with the plan where it sweeps what goes and marks every manifest that stays', async () => {
    const plan = await registry().made.plan();
    const rehearsal = agreeing(plan);
    expect(rehearsal.blobs).toBeGreaterThan(0);
    expect(reasonsOf(() => compareRehearsal(plan, rehearsal))).toEqual([]);
  });

  it('may sweep less than was foretold, and what came meanwhile', async () => {
    const plan = await registry().made.plan();
    const rehearsal = { ...agreeing(plan), unknown: [`sha256:${'ab'.repeat(32)}`] };
    rehearsal.sweeps.fill(0);
    expect(reasonsOf(() => compareRehearsal(plan, rehearsal))).toEqual([]);
  });

  it.each([
    ['a layer', ({ layer }: ReturnType<typeof registry>) => layer],
    ['a manifest', ({ kept }: ReturnType<typeof registry>) => kept],
  ])('disagrees where it would sweep %s that must stay', async (_what, which) => {
    const scene = registry();
    const plan = await scene.made.plan();
    const rehearsal = agreeing(plan);
    const digest = which(scene);
    rehearsal.sweeps[plan.kept.inventory.find(digest)] = 1;
    expect(reasonsOf(() => compareRehearsal(plan, rehearsal))).toEqual([
      `${at.blob(digest)}: it would be swept, but a manifest that stays needs it`,
    ]);
  });

  it('disagrees where it would sweep a child that is in no repository of its index', async () => {
    const { made } = registry();
    const child = made.image('elsewhere', { tags: ['v1'] });
    made.index('app', [child], { tags: ['multi'] });
    made.storage.drop(at.current('elsewhere', 'v1'));
    const plan = await made.plan();
    const rehearsal = agreeing(plan);
    rehearsal.sweeps[plan.kept.inventory.find(child)] = 1;
    expect(reasonsOf(() => compareRehearsal(plan, rehearsal))).toHaveLength(1);
  });

  it('disagrees where it passes over a manifest that stays, though another repository has it marked', async () => {
    const { made, kept } = registry();
    made.revision('other', kept);
    made.tag('other', 'same', kept);
    const plan = await made.plan();
    const rehearsal = agreeing(plan);
    const passedOver = `app ${plan.kept.inventory.find(kept)}`;
    rehearsal.marked = new Set([...rehearsal.marked].filter((one) => one !== passedOver));
    expect(reasonsOf(() => compareRehearsal(plan, rehearsal))).toEqual([
      `${at.revision('app', kept)}: the collector does not see it`,
    ]);
  });

  it('disagrees where it would delete a manifest that stays', async () => {
    const { made, kept } = registry();
    const plan = await made.plan();
    const rehearsal = { ...agreeing(plan), manifests: new Set([`app ${kept}`]) };
    expect(reasonsOf(() => compareRehearsal(plan, rehearsal))).toEqual([
      `${at.revision('app', kept)}: it would be deleted, but it stays`,
    ]);
  });

  it('need not mark a manifest whose content is gone: the collector passes over it', async () => {
    const { made, kept } = registry();
    made.storage.drop(at.blob(kept));
    const plan = await made.plan();
    expect(plan.kept.manifests.some((manifests) => manifests.has(plan.kept.inventory.find(kept)))).toBe(true);
    expect(reasonsOf(() => compareRehearsal(plan, agreeing(plan)))).toEqual([]);
  });

  it('names twenty of many, and counts the others', async () => {
    const made = memoryRegistry();
    for (let number = 0; number < 25; number++) made.image('app', { tags: [`v${number}`] });
    const plan = await made.plan();
    const rehearsal = { ...agreeing(plan), marked: new Set<string>() };
    const reasons = reasonsOf(() => compareRehearsal(plan, rehearsal));
    expect(reasons).toHaveLength(21);
    expect(reasons.at(-1)).toBe('… and 5 more');
  });

  it('must mark what is only young, too', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const young = made.image('app', { age: 0 });
    const plan = await made.plan({ ...policy, untaggedKeepWithin: 1 });
    const rehearsal = agreeing(plan);
    rehearsal.marked = new Set(
      [...rehearsal.marked].filter((one) => one !== `app ${plan.kept.inventory.find(young)}`),
    );
    expect(reasonsOf(() => compareRehearsal(plan, rehearsal))).toHaveLength(1);
  });
});
