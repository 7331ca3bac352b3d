import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registryBinary } from '../support/binary.ts';
import { hazards, hazardsFor, type Stage, stage, type Verdict } from '../support/hazards.ts';
import { assertNothingLost, type Closures, closure, unreachable } from '../support/oracle.ts';
import { collect } from '../support/registry.ts';
import { diff, snapshot } from '../support/tree.ts';

const nothing = { revisions: [], layerLinks: [], tagHistory: [], blobs: [] };
const here = hazardsFor(registryBinary().major);

describe('the catalogue', () => {
  it('gives every hazard a name of its own', () => {
    expect(new Set(hazards.map(({ id }) => id)).size).toBe(hazards.length);
    expect(new Set(hazards.map(({ title }) => title)).size).toBe(hazards.length);
  });

  it('covers every row of the field study’s table of collector findings', () => {
    const rows = hazards.flatMap(({ source }) => /^field\.md ([a-r])$/.exec(source)?.[1] ?? []);
    expect([...new Set(rows)].sort().join('')).toBe('abcdefghijklmnopqr');
  });
});

describe.each(here)('the hazard $id', (hazard) => {
  it(`is what the registry's own collector takes it for: ${hazard.title}`, async () => {
    await using staged = await stage(hazard);
    const { root } = staged.registry;
    const before = closure(root);
    if (staged.deleteUntagged !== undefined) {
      const copy = join(staged.registry.directory, 'copy');
      cpSync(root, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      expect(await verdict(staged, before, ['--delete-untagged'])).toBe(staged.deleteUntagged);
      rmSync(root, { recursive: true });
      cpSync(copy, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    }
    expect(await verdict(staged, before, [])).toBe(staged.collector);
  });
});

describe.each(here.filter((hazard) => !isRefused(hazard.expect)))('the clean hazard $id', (hazard) => {
  it('can be cleaned without losing anything', async () => {
    await using staged = await stage(hazard);
    const { root } = staged.registry;
    const before = closure(root);
    for (const path of staged.stays) expect(existsSync(join(root, path)), path).toBe(true);
    for (const path of staged.goes) expect(existsSync(join(root, path)), path).toBe(true);
    expect([...before.values()].some(({ sparse }) => sparse.length > 0)).toBe(hazard.warns === true);
    const litter = unreachable(root);
    expect(JSON.stringify(litter) === JSON.stringify(nothing)).toBe(hazard.nothingToDo === true);
    if (hazard.nothingToDo === true) return;

    for (const path of [...litter.tagHistory, ...litter.revisions, ...litter.layerLinks])
      rmSync(join(root, path));
    expect((await collect(staged.registry)).exitCode).toBe(0);
    assertNothingLost(before, closure(root));
    expect(unreachable(root)).toEqual(nothing);
    for (const path of staged.stays) expect(existsSync(join(root, path)), path).toBe(true);
  });
});

describe('a stage', () => {
  it('stops the registry or, if asked to, leaves it running', async () => {
    const hazard = here[0] ?? expect.fail('no hazards');
    await using stopped = await stage(hazard);
    expect(stopped.registry.pid).toBeUndefined();
    await using running = await stage(hazard, { leave: 'running' });
    expect((await fetch(`${running.registry.url}/v2/`)).status).toBe(200);
  });

  it('is made the same way each time', async () => {
    const hazard = here.find(({ id }) => id === 'cut-tagged-manifest') ?? expect.fail('no such hazard');
    await using first = await stage(hazard);
    await using second = await stage(hazard);
    const contents = (staged: Stage) =>
      [...snapshot(staged.registry.root)].map(([path, { content }]) => `${path} ${content}`);
    expect(contents(second)).toEqual(contents(first));
    expect(second.names).toEqual(first.names);
  });
});

function isRefused(expected: (typeof hazards)[number]['expect']): boolean {
  const { major } = registryBinary();
  return (typeof expected === 'string' ? expected : expected[major]) === 'refuse';
}

async function verdict(staged: Stage, before: Closures, flags: readonly string[]): Promise<Verdict> {
  const { root } = staged.registry;
  const tree = snapshot(root);
  const { exitCode } = await collect(staged.registry, flags, 3_000);
  if (exitCode === undefined) return 'hangs';
  try {
    assertNothingLost(before, closure(root));
  } catch {
    return 'loses';
  }
  // A collector that gives up while it marks has touched nothing.
  if (exitCode !== 0) expect(diff(tree, snapshot(root))).toEqual([]);
  return exitCode === 0 ? 'harmless' : 'aborts';
}
