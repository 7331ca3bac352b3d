import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { at, digestOf } from '../support/layout.ts';
import { readModel } from '../support/model.ts';
import { configFor, program, type Report } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { manifestContents, type RandomRegistry, whatStays } from '../support/random-registry.ts';
import { readOnlyWay } from '../support/read-only.ts';
import { durationOf, type RandomScenario, randomScenario, writeRealTree } from '../support/real-tree.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { diff, type Snapshot, snapshot } from '../support/tree.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const trees = Number(process.env.RUNS ?? 100);
/** Every so many trees, all that a run does is done. The others do without a stand-in and a rehearsal, to save time. */
const wholeEvery = 20;

interface Removal {
  readonly kind: string;
  readonly key: string;
}

const scenario = randomScenario(-50);

describe(`random real trees (seed ${seed})`, () => {
  it(`lose in a run exactly what a dry run foretold, and nothing in the dry run (${trees} of them)`, async () => {
    await using prepared = await startRegistry({ start: false });
    let number = 0;
    let cleaned = 0;
    const check = async (tree: RandomScenario): Promise<void> => {
      const whole = number++ % wholeEvery === 0;
      if (await foretellsAndRemoves(prepared, tree, whole)) cleaned++;
    };
    // Not shrunk: every attempt runs two processes. The seed makes the same trees again.
    await fc.assert(fc.asyncProperty(scenario, check), { seed, numRuns: trees, endOnFailure: true });
    expect(cleaned).toBeGreaterThan(trees / 2);
  }, 600_000);
});

const way = readOnlyWay();

describe(`a directory that is read-only to the program, by ${way.how}`, () => {
  it('is enough for a dry run of a stopped registry', () => dryRunOfReadOnly('stopped'));

  it.runIf(way.asUs)(
    'is enough for a dry run of a live registry (left out where the program may not look at its process)',
    () => dryRunOfReadOnly('running'),
  );
});

async function dryRunOfReadOnly(live: 'stopped' | 'running'): Promise<void> {
  await using registry = await startRegistry();
  for (const round of ['old', 'new']) await pushImage(registry.url, 'team/app', 'v1', { seed: round });
  if (live === 'stopped') await registry.stop();
  const config = configFor(registry, live === 'stopped' ? { live } : {});
  const { pid } = registry;
  const before = snapshot(registry.root, { ignoreState: false });
  const under = way.command(registry.root, registry.directory);
  const [file = '', ...touch] = [...under, 'touch', join(registry.root, 'x')];
  expect(spawnSync(file, touch).status).toBe(1);

  const args = ['--config', config, '--dry-run', '--json'];
  const { stdout, stderr, exitCode } = await program(['run', ...args], { under });

  expect(exitCode, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    outcome: 'ok',
    removed: { manifests: 1, layerLinks: 2, blobs: 3 },
    error: null,
    warnings: [],
  });
  expect(diff(before, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
  expect(registry.pid).toBe(pid);
}

/** Whether there was anything to remove. */
async function foretellsAndRemoves(
  prepared: TestRegistry,
  { registry, uploads, keepUploads, removeEmpty }: RandomScenario,
  whole: boolean,
): Promise<boolean> {
  const { root } = prepared;
  rmSync(root, { recursive: true });
  mkdirSync(root);
  writeRealTree(root, registry, uploads);
  const digests = manifestContents(registry).map((content) => digestOf(Buffer.from(content)));
  const config = configFor(prepared, {
    live: 'stopped',
    more: {
      untagged: {
        keepWithin: durationOf(registry.keepWithin),
        protect: registry.protect.map((index) => digests[index]),
      },
      uploads: { keepWithin: durationOf(keepUploads) },
      repositories: { removeEmpty },
      // Here whole registries without a tag are usual.
      unsafe: { allowNoTags: true },
      readonlyInstance: whole,
      garbageCollect: { rehearse: whole },
    },
  });
  const before = snapshot(root, { ignoreState: false });

  // The same dry run under its two names; the one of them tells every item.
  const plan = (await runHere(config, { command: 'plan' })) as Report & { items: { remove: Removal[] } };
  expect(plan).toMatchObject({ dryRun: true, after: null, exitCode: 0, error: null });
  if (whole) expect(await runHere(config, { flags: { dryRun: true } })).toMatchObject(figuresOf(plan));
  expect(diff(before, snapshot(root, { ignoreState: false }))).toEqual([]);
  const run = await runHere(config);

  expect(run).toMatchObject({ ...figuresOf(plan), exitCode: 0, error: null });
  const after = snapshot(root);
  expect(vanished(before, after)).toEqual(foretold(before, plan.items.remove));
  expect(touched(before, after)).toEqual([]);
  expect(revisionsLeft(root)).toEqual(revisionsThatStay(registry, digests));
  return run.outcome === 'ok';
}

/** What a dry run and a run must agree on. */
function figuresOf({ outcome, before, removed, repositories }: Report): Partial<Report> {
  return { outcome, before, removed, repositories };
}

/** Files that are not there any more. */
function vanished(before: Snapshot, after: Snapshot): string[] {
  return filesOf(before).filter((path) => !after.has(path));
}

/** Files that the removals of a plan name, or that lie in the directories which they name. */
function foretold(before: Snapshot, removals: readonly Removal[]): string[] {
  const files = filesOf(before);
  const keys = removals.map(({ key }) => key);
  const named = new Set(keys.filter((key) => !key.endsWith('/')));
  const directories = removals.flatMap(({ kind, key }) => {
    if (kind === 'repository') return ['_layers/', '_manifests/', '_uploads/'].map((area) => key + area);
    return key.endsWith('/') ? [key] : [];
  });
  for (const key of named) expect(files).toContain(key);
  return files.filter((path) => named.has(path) || directories.some((prefix) => path.startsWith(prefix)));
}

/** Files that came or changed. */
function touched(before: Snapshot, after: Snapshot): string[] {
  return diff(before, after)
    .filter(({ path, change }) => change !== 'removed' && after.get(path)?.type === 'file')
    .map(({ path, what }) => `${path}: ${what}`);
}

function filesOf(tree: Snapshot): string[] {
  return [...tree].filter(([, { type }]) => type === 'file').map(([path]) => path);
}

function revisionsLeft(root: string): string[] {
  return [...readModel(root).repositories.values()]
    .flatMap(({ name, revisions }) => [...revisions.keys()].map((digest) => at.revision(name, digest)))
    .sort();
}

/** By the model that shares nothing with the program. */
function revisionsThatStay(registry: RandomRegistry, digests: readonly string[]): string[] {
  return [...whatStays(registry)]
    .flatMap(([name, kept]) => [...kept].map((index) => at.revision(name, digests[index] ?? '')))
    .sort();
}
