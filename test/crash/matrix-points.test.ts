import { describe, expect, it } from 'vitest';
import { type StepId, steps } from '../../src/pipeline/steps.ts';
import { drawOperations, drawStep, long, sample } from '../support/matrix/draw.ts';
import {
  collectors,
  kinds,
  operationPoints,
  randomBy,
  removing,
  stepPoints,
} from '../support/matrix/points.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));

describe(`the kill matrix (SEED=${seed})`, () => {
  it('has every step of the table at its start, in its middle and at its end, and a new one without anyone remembering', () => {
    const all = stepPoints();
    // Each collector takes every step, but that nothing is rehearsed for the native one.
    expect(all).toHaveLength((2 * steps.length - 1) * 3 * kinds.length);
    const added = 'a-new-step' as StepId;
    const more = stepPoints([...steps, { id: added }]);
    expect(more.filter(({ step }) => step === added)).toHaveLength(2 * 3 * kinds.length);
    expect(more).toHaveLength(all.length + 2 * 3 * kinds.length);
  });

  it('meets every step with every kind and each collector in a sample, and every moment of it with one kind or another', () => {
    for (const { id } of steps) {
      const drawn = drawStep(id, sample, seed);
      for (const collector of id === 'rehearse' ? (['registry'] as const) : collectors) {
        const its = drawn.filter((point) => point.collector === collector);
        expect(new Set(its.map(({ kind }) => kind))).toEqual(new Set(kinds));
        expect(new Set(its.map(({ place }) => place))).toEqual(new Set(['start', 'middle', 'end']));
      }
    }
  });

  it('meets everything in the long run, by 3,000 kills at least', () => {
    const operations = Array.from({ length: 100 }, (_, index) => ({
      call: 'lstat',
      changes: index % 4 === 0,
    }));
    let kills = 0;
    for (const { id } of steps) {
      const drawn = drawStep(id, long, seed);
      const named = new Set(drawn.map(({ collector, kind, place }) => `${collector} ${kind} ${place}`));
      expect(named.size).toBe((id === 'rehearse' ? 1 : 2) * 3 * kinds.length);
      kills += drawn.filter(({ kind }) => kind === 'SIGKILL').length;
    }
    for (const collector of collectors) {
      for (const step of removing[collector]) {
        const all = drawOperations(collector, step, operations, long, seed);
        const drawn = all.filter(({ kind }) => kind === 'SIGKILL');
        expect(new Set(drawn.map(({ operation, when }) => `${operation} ${when}`)).size).toBe(125);
        kills += drawn.length;
      }
    }
    expect(kills).toBeGreaterThanOrEqual(3_000);
  });

  it('is the same again with the same seed', () => {
    const operations = [1, 2, 3, 4, 5, 6].map(() => ({ call: 'unlink', changes: true }));
    expect(operationPoints('native', 'apply', operations)).toHaveLength(6 * 2 * kinds.length);
    const draw = () => [
      drawStep('collect', sample, seed),
      drawOperations('native', 'apply', operations, sample, seed),
    ];
    expect(draw()).toEqual(draw());
    expect(randomBy(seed)()).toBe(randomBy(seed)());
  });
});
