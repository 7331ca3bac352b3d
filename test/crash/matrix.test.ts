import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StepId, steps } from '../../src/pipeline/steps.ts';
import { drawOperations, drawStep, long, sample } from '../support/matrix/draw.ts';
import { type Lane, openLane, type Result } from '../support/matrix/lane.ts';
import {
  type Collector,
  collectors,
  nameOf,
  type Point,
  randomBy,
  removing,
} from '../support/matrix/points.ts';
import { inALine, type Summary, summaryOf } from '../support/matrix/summary.ts';

// The kill matrix (docs/crash-matrix.md). SEED repeats a sample, LANES says how many runs are disturbed at once,
// CRASH_MATRIX_RESULT names a file for the figures.
const { LONG, SEED, LANES = '4', CRASH_MATRIX_RESULT: resultFile } = process.env;
const size = LONG === undefined ? sample : long;
const seed = Number(SEED ?? Math.floor(Math.random() * 1e9));
const patience = LONG === undefined ? 900_000 : 10_800_000;

const began = performance.now();
const lanes: Lane[] = [];
const free: Lane[] = [];
const waiting: (() => void)[] = [];
const results: Result[] = [];

beforeAll(async () => {
  lanes.push(...(await Promise.all(Array.from({ length: Number(LANES) }, openLane))));
  free.push(...lanes);
}, 300_000);
afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane[Symbol.asyncDispose]()));
  const registry = lanes[0]?.version ?? '';
  process.stdout.write(`${inALine(keepFigures(registry))}\n`);
});

function keepFigures(registry: string): Summary {
  const seconds = (performance.now() - began) / 1000;
  const summary = summaryOf(results, { seed, registry, seconds, lanes: lanes.length });
  if (resultFile !== undefined) writeFileSync(resultFile, `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}

describe.concurrent('no tag is lost, the registry is back and the next run ends where an undisturbed one does', () => {
  it.each(steps.map(({ id }) => id))(
    'whatever happens at the start, in the middle and at the end of %s',
    async (step) => {
      await disturb(drawStep(step, size, seed));
    },
    patience,
  );

  it.each(
    collectors.flatMap((collector) =>
      removing[collector].map((step): [StepId, Collector] => [step, collector]),
    ),
  )(
    'whatever happens at the operations on the storage of %s, with the %s collector',
    async (step, collector) => {
      const { operations } = lanes[0]?.courses[collector][step] ?? { operations: [] };
      expect(operations.filter(({ changes }) => changes).length).toBeGreaterThan(10);
      await disturb(drawOperations(collector, step, operations, size, seed));
    },
    patience,
  );
});

async function disturb(points: readonly Point[]): Promise<void> {
  const wrong: string[] = [];
  await Promise.all(
    points.map((point, index) =>
      onLane(async (lane) => {
        const result = await lane.disturb(point, randomBy(seed + index));
        results.push(result);
        // The long run takes long: what it has found so far is kept.
        if (results.length % 100 === 0) keepFigures(lane.version);
        for (const { text } of result.findings)
          wrong.push(`${nameOf(point)} (${JSON.stringify(result.at)}, SEED=${seed}): ${text}`);
      }),
    ),
  );
  expect(wrong).toEqual([]);
  expect(points.length).toBeGreaterThan(0);
}

async function onLane(work: (lane: Lane) => Promise<void>): Promise<void> {
  while (free.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  const lane = free.pop() as Lane;
  try {
    await work(lane);
  } finally {
    free.push(lane);
    waiting.shift()?.();
  }
}
