import { describe, expect, it } from 'vitest';
import { isYoung } from '../../../src/plan/reachability.ts';
import { at } from '../../support/layout.ts';
import { absentDigest, hour, memoryRegistry, now, reasons, removals } from '../../support/memory-registry.ts';

describe('a manifest stays', () => {
  it('while a tag names it, a kept index has it as a child, or its subject stays', async () => {
    const made = memoryRegistry();
    const [one, two] = [made.image('app'), made.image('app')];
    const inner = made.index('app', [two]);
    const outer = made.index('app', [one, inner], { tags: ['v1'] });
    const sbom = made.image('app', { subject: two });
    const signature = made.image('app', { subject: sbom });
    const part = made.image('app');
    const ofIndex = made.index('app', [part], { subject: outer });
    const gone = made.image('app');
    const plan = await made.plan();
    expect(reasons(plan)).toEqual({
      [outer]: 'tagged',
      [inner]: 'child',
      [one]: 'child',
      [two]: 'child',
      [sbom]: 'referrer',
      [signature]: 'referrer',
      [ofIndex]: 'referrer',
      [part]: 'child',
    });
    expect(removals(plan, 'revision')).toEqual([at.revision('app', gone)]);
  });

  it('in one repository, and goes from another where nothing holds it', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    made.revision('other', image);
    const child = made.image('other');
    made.index('app', [child], { tags: ['sparse'] });
    const plan = await made.plan();
    expect(removals(plan, 'revision').sort()).toEqual(
      [at.revision('other', image), at.revision('other', child)].sort(),
    );
    // What an index names is not swept, wherever its revision was.
    expect(removals(plan, 'blob')).not.toContain(at.blob(child));
    expect(removals(plan, 'blob')).not.toContain(at.blob(image));
  });

  it('not because something that goes refers to it or has it as a child', async () => {
    const made = memoryRegistry();
    const child = made.image('app');
    const index = made.index('app', [child]);
    const referrer = made.image('app', { subject: index });
    const orphan = made.image('app', { subject: absentDigest('subject') });
    made.image('app', { tags: ['v1'] });
    const plan = await made.plan();
    expect(removals(plan, 'revision').sort()).toEqual(
      [child, index, referrer, orphan].map((digest) => at.revision('app', digest)).sort(),
    );
  });

  it('where its digest is protected, with all that it needs', async () => {
    const made = memoryRegistry();
    const child = made.image('app');
    const index = made.index('app', [child]);
    const sbom = made.image('app', { subject: child });
    made.image('app');
    const plan = await made.plan({ protect: new Set([index, absentDigest('nobody has it')]) });
    expect(reasons(plan)).toEqual({ [index]: 'protected', [child]: 'child', [sbom]: 'referrer' });
  });

  it('where nobody can read it', async () => {
    const made = memoryRegistry();
    const spoilt = made.image('app');
    made.storage.put(at.blob(spoilt), '');
    const strange = made.manifest('app', '{"schemaVersion":2}');
    expect(reasons(await made.plan())).toEqual({ [spoilt]: 'unreadable', [strange]: 'unreadable' });
  });

  it('not where its content is gone, and with it the tag history that names it', async () => {
    const made = memoryRegistry();
    const [lost, kept] = [made.image('app', { tags: ['v1'] }), made.image('app')];
    made.tag('app', 'v1', kept);
    made.storage.drop(at.blob(lost));
    const plan = await made.plan();
    expect(removals(plan, 'revision')).toEqual([at.revision('app', lost)]);
    expect(removals(plan, 'tag-history')).toEqual([at.history('app', 'v1', lost)]);
  });
});

describe('a young manifest', () => {
  const untaggedKeepWithin = hour;

  it.each([
    ['a minute', hour / 60, true],
    ['just under keepWithin', hour - 1, true],
    ['keepWithin', hour, false],
    ['a year', 8_766 * hour, false],
    ['a minute less than nothing: its date is in the future', -hour / 60, true],
    ['a century less than nothing', -876_600 * hour, true],
  ])('is one whose link is not as old as keepWithin: %s', async (_what, age, young) => {
    const made = memoryRegistry();
    const image = made.image('app', { age });
    expect(reasons(await made.plan({ untaggedKeepWithin }))).toEqual(young ? { [image]: 'young' } : {});
  });

  it('is one of which the store tells no time', async () => {
    const made = memoryRegistry();
    const image = made.image('app');
    made.storage.touch(at.revision('app', image), undefined);
    const plan = await made.plan({ untaggedKeepWithin: 0 });
    expect(reasons(plan)).toEqual({ [image]: 'young' });
    expect(plan.totals.young).toEqual({ manifests: 1, nextAt: undefined });
  });

  it('is one that a tag has left within keepWithin, however old its own link is', async () => {
    const made = memoryRegistry();
    const [left, current] = [made.image('app', { tags: ['v1'] }), made.image('app')];
    made.tag('app', 'v1', current, { age: hour / 2 });
    expect(reasons(await made.plan({ untaggedKeepWithin }))).toEqual({
      [current]: 'tagged',
      [left]: 'young',
    });
    made.tag('app', 'v1', current, { age: 2 * hour });
    expect(reasons(await made.plan({ untaggedKeepWithin }))).toEqual({ [current]: 'tagged' });
    made.storage.touch(at.current('app', 'v1'), undefined);
    expect(reasons(await made.plan({ untaggedKeepWithin }))).toHaveProperty([left], 'young');
  });

  it('is none because a tag moved that never named it, or a tag of another repository', async () => {
    const made = memoryRegistry();
    made.image('app');
    const current = made.image('app');
    made.tag('app', 'v1', current, { age: 0 });
    made.revision('other', current);
    const plan = await made.plan({ untaggedKeepWithin });
    expect([...plan.keep]).toEqual([{ repository: 'app', digest: current, because: 'tagged' }]);
  });

  it('keeps what it needs; when it may go is told for what is only young', async () => {
    const made = memoryRegistry();
    const child = made.image('app');
    const index = made.index('app', [child], { age: hour / 4 });
    const later = made.image('app', { age: hour / 8 });
    made.image('app', { tags: ['v1'], age: 0 });
    const plan = await made.plan({ untaggedKeepWithin });
    expect(reasons(plan)).toMatchObject({ [index]: 'young', [child]: 'child', [later]: 'young' });
    expect(plan.totals.young).toEqual({ manifests: 2, nextAt: now - hour / 4 + untaggedKeepWithin });
  });

  it('is told for a better reason where it has one', async () => {
    const made = memoryRegistry();
    const [tagged, listed] = [made.image('app', { tags: ['v1'], age: 0 }), made.image('app', { age: 0 })];
    const child = made.image('app', { age: 0 });
    const index = made.index('app', [child], { tags: ['multi'] });
    const plan = await made.plan({ untaggedKeepWithin, protect: new Set([listed]) });
    expect(reasons(plan)).toEqual({
      [tagged]: 'tagged',
      [index]: 'tagged',
      [child]: 'child',
      [listed]: 'protected',
    });
    expect(plan.totals.young).toEqual({ manifests: 0, nextAt: undefined });
  });

  it('is a matter of `isYoung`, for links and blobs as well', () => {
    expect([now, now + 1, undefined].map((time) => isYoung(time, now, 0))).toEqual([false, true, true]);
    expect([now, now - 9, now - 10].map((time) => isYoung(time, now, 10))).toEqual([true, true, false]);
  });
});

describe('a second plan', () => {
  it('lets nothing go that the first one did not, and says that it changed', async () => {
    const made = memoryRegistry();
    const [one, two] = [made.image('app', { tags: ['v1'] }), made.image('app')];
    const first = await made.plan();
    expect(removals(first, 'revision')).toEqual([at.revision('app', two)]);
    // Rolled back to the other one, while the registry was still live.
    made.tag('app', 'v1', two, { age: 0 });
    const late = made.image('app');
    const second = await made.plan({}, first);
    expect(removals(second, 'revision')).toEqual([]);
    expect(reasons(second)).toEqual({ [one]: 'changed', [two]: 'tagged', [late]: 'changed' });
  });

  it('lets go what both let go', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const gone = made.image('app');
    const first = await made.plan();
    made.image('app', { tags: ['v2'] });
    expect(removals(await made.plan({}, first), 'revision')).toEqual([at.revision('app', gone)]);
  });
});
