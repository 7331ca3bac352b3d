import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registryBinary } from '../support/binary.ts';
import { checkHere } from '../support/check-here.ts';
import { damages } from '../support/damages.ts';
import { forMajor } from '../support/hazards/hazard.ts';
import { damagedRepository, natively } from '../support/hazards/native.ts';
import { hazardsFor, type Stage, stage } from '../support/hazards.ts';
import { at } from '../support/layout.ts';
import { readModel, referencesOf } from '../support/model.ts';
import { assertNothingLost, type Closures, closure, unreachable } from '../support/oracle.ts';
import { configFor, type Report } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { startRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { diff, type Snapshot, snapshot } from '../support/tree.ts';
import { checkOf, examine } from './doctor-here.ts';

const { major } = registryBinary();
const damaged = hazardsFor(major).filter((hazard) => forMajor(hazard.expect, major) === 'refuse');

interface Before {
  readonly closures: Closures;
  readonly tree: Snapshot;
}

const kinds = Object.groupBy(damaged, (hazard) => natively(hazard, major));

describe.concurrent.each(kinds.isolate ?? [])('with damage: isolate, the hazard $id', (hazard) => {
  it(`leaves its repository alone, and the others are cleaned: ${hazard.title}`, async () => {
    await using staged = await stage(hazard);
    const before = lookAt(staged);
    expectRefusal(await clean(staged, { collector: 'native' }), staged, before);

    expectIsolation(await clean(staged, { damage: 'isolate' }), staged, before);

    // Once more, for what the first run has made of it.
    expect(await clean(staged, { damage: 'isolate' })).toMatchObject({
      outcome: 'nothing-to-do',
      exitCode: 0,
    });
  });
});

describe.concurrent.each(kinds.refuse ?? [])('even with damage: isolate, the hazard $id', (hazard) => {
  it(`is refused, and nothing is changed: ${hazard.title}`, async () => {
    await using staged = await stage(hazard);
    const before = lookAt(staged);
    expectRefusal(await clean(staged, { damage: 'isolate' }), staged, before);
  });
});

describe.concurrent.each(kinds.clean ?? [])('with damage: isolate, the hazard $id', (hazard) => {
  it(`is no damage, and its repository is cleaned, too: ${hazard.title}`, async () => {
    await using staged = await stage(hazard);
    const { closures } = lookAt(staged);
    expect(await clean(staged, { damage: 'isolate' })).toMatchObject({ outcome: 'ok', isolated: [] });
    const { root } = staged.registry;
    assertNothingLost(closures, closure(root));
    expect(unreachable(root)).toEqual({ revisions: [], layerLinks: [], tagHistory: [], blobs: [] });
  });
});

describe('many damaged repositories at once', () => {
  it('are each left alone, are told by check as ever, and nested and healthy ones are cleaned', async () => {
    await using registry = await startRegistry();
    for (const repository of ['healthy/app', 'damaged/layer-gone/nested', 'damaged'])
      for (const seed of ['old', 'now'])
        await pushImage(registry.url, repository, 'v1', { seed: repository + seed });
    const wanted: string[] = [];
    for (const { id, hidden, make } of damages) {
      const expected = await make(`damaged/${id}`, registry);
      const bad = expected.some(({ severity = 'error' }) => severity !== 'warning');
      if (bad && hidden !== true) wanted.push(`damaged/${id}`);
    }
    await registry.stop();
    const before = lookAt({ registry });
    const config = configFor(registry, { live: 'stopped', more: { damage: 'isolate' } });
    const checked = await checkHere(config);
    expect(checked).toMatchObject({ outcome: 'damaged', exitCode: 21 });
    // What no tag needs keeps no run from cleaning any more; what one needs is damage all the same.
    expect(checked.counts.filter(({ severity }) => severity === 'obstacle')).toEqual([]);
    expect(checked.findings).toContainEqual(
      expect.objectContaining({
        severity: 'warning',
        repository: 'damaged/revision-empty',
        detail: expect.stringMatching(/^left alone: /),
      }),
    );
    const { findings: notes } = checkOf(await examine(registry, config), 'contents');
    expect(notes.map(({ text }) => text).join('\n')).toContain(
      `${wanted.length} damaged repositories would be left alone`,
    );

    const report = await clean({ registry }, { damage: 'isolate' });

    expectIsolation(report, { registry }, before, wanted);
    const errors = checked.findings.filter(({ severity }) => severity === 'error');
    const told = report.isolated.flatMap(({ findings }) => findings.map(({ path }) => path));
    expect(told).toEqual(expect.arrayContaining(errors.map(({ path }) => path)));
    const left = snapshot(registry.root);
    for (const repository of ['healthy/app', 'damaged/layer-gone/nested', 'damaged'])
      expect(
        [...left.keys()].filter((path) => isIn(repository, path) && path.endsWith('/link')),
      ).toHaveLength(5);
  });
});

describe('a tag of a damaged repository that the live registry does not serve', () => {
  it('keeps nobody from cleaning the rest: the live registry is asked for tags of the others alone', async () => {
    await using registry = await startRegistry();
    for (const seed of ['old', 'now']) await pushImage(registry.url, 'healthy', 'v1', { seed });
    await pushImage(registry.url, 'damaged', 'whole');
    const { digest } = await pushImage(registry.url, 'damaged', 'broken', { seed: 'broken' });
    rmSync(join(registry.root, at.blob(digest)));
    const before = lookAt({ registry });

    const report = await runHere(configFor(registry, { more: { damage: 'isolate' } }));

    expectIsolation(report, { registry }, before, ['damaged']);
    expect(report.steps.find(({ id }) => id === 'verify-live')?.note).toContain('1 of 1 tag asked for');
    const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' };
    for (const [tag, status] of [
      ['broken', 404],
      ['whole', 200],
    ] as const)
      expect((await fetch(`${registry.url}/v2/damaged/manifests/${tag}`, { headers })).status).toBe(status);
    await pushImage(registry.url, 'damaged', 'later');
  });
});

type Staged = Pick<Stage, 'registry'>;

function lookAt({ registry: { root } }: Staged): Before {
  return { closures: closure(root), tree: snapshot(root) };
}

function clean({ registry }: Staged, more: Readonly<Record<string, unknown>>): Promise<Report> {
  return runHere(configFor(registry, { live: 'stopped', more: { readonlyInstance: false, ...more } }));
}

function expectRefusal(report: Report, { registry }: Staged, { tree }: Before): void {
  expect(report).toMatchObject({ outcome: 'refused', exitCode: 6, isolated: [] });
  expect(diff(tree, snapshot(registry.root))).toEqual([]);
}

/**
 * The repositories of these names are the same to the byte, with all that they link to; of the others nothing is left
 * that no tag needs.
 */
function expectIsolation(
  report: Report,
  { registry: { root } }: Staged,
  { closures, tree }: Before,
  names: readonly string[] = [damagedRepository],
): void {
  expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, error: null, collector: { name: 'native' } });
  expect(report.isolated.map(({ name }) => name).sort()).toEqual([...names].sort());
  for (const { name, findings } of report.isolated) {
    expect(findings.length, name).toBeGreaterThan(0);
    for (const { path, detail, cure } of findings) {
      expect(path.startsWith(root)).toBe(true);
      expect(detail).not.toMatch(/^$|left alone/);
      expect(cure).toMatch(/^[A-Z].+\.$/s);
    }
  }
  const after = snapshot(root);
  const isTheirs = (path: string): boolean => names.some((name) => isIn(name, path));
  const theirs = (snapshot: Snapshot) => new Map([...snapshot].filter(([path]) => isTheirs(path)));
  expect(diff(theirs(tree), theirs(after))).toEqual([]);
  assertNothingLost(closures, closure(root));
  const linked = linkedTo(root, theirs(tree));
  const removed = diff(tree, after).filter(({ change }) => change === 'removed');
  expect(removed.filter(({ path }) => linked.has(path))).toEqual([]);
  const left = unreachable(root);
  const others = Object.values(left)
    .flat()
    .filter((path) => !isTheirs(path) && !linked.has(path));
  expect(others).toEqual([]);
  // There was something to clean.
  expect(removed.length).toBeGreaterThan(0);
}

/** Not in a repository that is nested in it. */
function isIn(repository: string, path: string): boolean {
  return path === at.repository(repository) || path.startsWith(`${at.repository(repository)}/_`);
}

/** Paths of all blobs that a digest in one of the paths, or of the files, names; and of what these name. */
function linkedTo(root: string, tree: Snapshot): ReadonlySet<string> {
  const model = readModel(root);
  const digests = new Set<string>();
  const enter = (digest: string): void => {
    if (digests.has(digest)) return;
    digests.add(digest);
    const { blobs = [], children = [] } = referencesOf(model, digest) ?? {};
    for (const named of [...blobs, ...children]) enter(named);
  };
  for (const [path, { type, size }] of tree) {
    const content = type === 'file' && size < 1000 ? readFileSync(join(root, path), 'latin1') : '';
    for (const [hex] of `${path} ${content}`.matchAll(/\b[0-9a-f]{64}\b/g)) enter(`sha256:${hex}`);
  }
  return new Set([...digests].map((digest) => at.blob(digest)));
}
