import { cpSync, mkdirSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { registryBinary } from '../support/binary.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { configFor, type Report } from '../support/program.ts';
import type { RandomRegistry } from '../support/random-registry.ts';
import { durationOf, type RandomScenario, randomScenario, writeRealTree } from '../support/real-tree.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { type Snapshot, snapshot } from '../support/tree.ts';

// Both collectors, side by side, on the same random registries. REGISTRY3_BIN adds a registry 3.
const { LONG, SEED, RUNS, REGISTRY3_BIN } = process.env;
const seed = Number(SEED ?? Date.now() % 2 ** 31);
const trees = Number(RUNS ?? (LONG === undefined ? 40 : 400));
/** Every so many trees the registry's collector is rehearsed. It leaves the same without. */
const rehearsedEvery = 10;
const nothing = { revisions: [], layerLinks: [], tagHistory: [], blobs: [] };

const binaries = [undefined, ...(REGISTRY3_BIN ? [REGISTRY3_BIN] : [])].map((binary) =>
  registryBinary(binary),
);

// What is protected without a tag is unreachable to the oracle, and has tests of its own.
const scenario = randomScenario(0).map(({ registry, ...more }) => {
  return { ...more, registry: { ...registry, protect: [] } };
});

describe.each(binaries)(`random registries (seed ${seed})`, ({ path, version }) => {
  it(`are left the same to the byte by both collectors, and clean (${trees} of them, registry ${version})`, async () => {
    await using one = await startRegistry({ start: false, binary: path });
    await using other = await startRegistry({ start: false, binary: path });
    let number = 0;
    let cleaned = 0;
    const check = async (made: RandomScenario): Promise<void> => {
      const report = await bothLeaveTheSame(one, other, made, number++ % rehearsedEvery === 0);
      if (report.outcome === 'ok') cleaned++;
    };
    // Not shrunk: the seed makes the same registries again.
    await fc.assert(fc.asyncProperty(scenario, check), { seed, numRuns: trees, endOnFailure: true });
    expect(cleaned).toBeGreaterThan(trees / 2);
  }, 1_800_000);
});

async function bothLeaveTheSame(
  one: TestRegistry,
  other: TestRegistry,
  { registry, uploads, keepUploads, removeEmpty }: RandomScenario,
  rehearse: boolean,
): Promise<Report> {
  for (const { root } of [one, other]) rmSync(root, { recursive: true });
  mkdirSync(one.root);
  writeRealTree(one.root, registry, uploads);
  cpSync(one.root, other.root, { recursive: true, preserveTimestamps: true });
  const before = closure(one.root);
  const more = {
    untagged: { keepWithin: '0s' },
    uploads: { keepWithin: durationOf(keepUploads) },
    repositories: { removeEmpty },
    readonlyInstance: false,
  };
  const byRegistry = configFor(one, { live: 'stopped', more: { ...more, garbageCollect: { rehearse } } });
  const native = configFor(other, { live: 'stopped', more: { ...more, collector: 'native' } });

  const theirs = await runHere(byRegistry);
  const ours = await runHere(native);

  expect(ours.exitCode, JSON.stringify(ours.error)).toBe(theirs.exitCode);
  expect(ours.outcome).toBe(theirs.outcome);
  expect(contentsOf(snapshot(other.root))).toEqual(contentsOf(snapshot(one.root)));
  if (ours.outcome === 'refused') return ours;
  expect(ours).toMatchObject({ exitCode: 0, error: null });
  assertNothingLost(before, closure(other.root));
  for (const figure of ['before', 'after', 'removed', 'repositories'] as const)
    expect(ours[figure], figure).toEqual(theirs[figure]);
  if (ours.outcome !== 'ok') return ours;
  expect(ours.collector).toMatchObject({ name: 'native' });
  if (registry.repositories.every(isOld)) expect(unreachable(other.root)).toEqual(nothing);
  return ours;
}

/** What both must leave the same: all but the times of directories, which tell when something was removed from them. */
function contentsOf(tree: Snapshot): Record<string, string> {
  return Object.fromEntries(
    [...tree].map(([path, { type, size, modified, rights, content }]) => [
      path,
      [type, size, type === 'directory' ? '' : modified, rights, content].join(' '),
    ]),
  );
}

/** Nothing in it is from the future, which stays. */
function isOld({ revisions, tags }: RandomRegistry['repositories'][number]): boolean {
  return [...revisions.values(), ...[...tags.values()].map(({ age }) => age)].every((age) => age >= 0);
}
