import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registryBinary } from '../support/binary.ts';
import { forMajor } from '../support/hazards/hazard.ts';
import { harms, natively } from '../support/hazards/native.ts';
import { hazardsFor, stage, type Told } from '../support/hazards.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { configFor } from '../support/program.ts';
import { runHere } from '../support/run-here.ts';
import { count, diff, snapshot } from '../support/tree.ts';

const { major } = registryBinary();
const nothing = { revisions: [], layerLinks: [], tagHistory: [], blobs: [] };

const cleaned = hazardsFor(major).filter((hazard) => natively(hazard, major) === 'clean');
/** What the registry's own collector fails on, or loses something by; and what a run with it refuses for that. */
const special = cleaned.filter(
  (hazard) => harms(hazard, major) || forMajor(hazard.expect, major) === 'refuse',
);
const scenes = process.env.LONG === '1' ? cleaned : special;

describe.concurrent.each(scenes)('the hazard $id, to the native collector', (hazard) => {
  it(`is none: ${hazard.title}`, async () => {
    await using staged = await stage(hazard);
    const { registry, stays, goes } = staged;
    const before = { closures: closure(registry.root), tree: snapshot(registry.root) };
    const config = configFor(registry, { live: 'stopped', more: { collector: 'native' } });

    const report = await runHere(config);

    expect(report).toMatchObject({ exitCode: 0, error: null, isolated: [] });
    assertNothingLost(before.closures, closure(registry.root));
    expect(unreachable(registry.root)).toEqual(nothing);
    for (const path of stays) expect(existsSync(join(registry.root, path)), path).toBe(true);
    for (const path of goes) expect(existsSync(join(registry.root, path)), path).toBe(false);
    if (hazard.nothingToDo === true) {
      expect(['empty', 'nothing-to-do']).toContain(report.outcome);
      expect(diff(before.tree, snapshot(registry.root))).toEqual([]);
      return;
    }
    expect(report).toMatchObject({ outcome: 'ok', collector: { name: 'native', rehearsed: false } });
    // A file that is named like a blob's, and lies where no blob can, is none.
    const strays = forMajor<readonly Told[]>(hazard.check, major).includes('obstacle misplaced') ? 1 : 0;
    const { blobs, bytes, ...counts } = count(registry.root);
    expect(report.after).toMatchObject({ ...counts, blobs: blobs - strays });
    if (strays === 0) expect(report.after).toMatchObject({ bytes });
  });
});

it('sees scenes of every kind that the collector of the registry fails on, or loses something by', () => {
  const ids = special.map(({ id }) => id);
  const expected = [
    'untagged-children',
    'untagged-referrer',
    'sha512-layer',
    'empty-index-only',
    'sparse-index',
  ];
  expect(ids).toEqual(expect.arrayContaining([...expected, ...(major === 3 ? ['tagged-schema1'] : [])]));
});
