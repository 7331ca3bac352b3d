import { type StepId, steps } from '../../../src/pipeline/steps.ts';
import {
  type Collector,
  collectors,
  type Kind,
  kinds,
  type OperationPoint,
  operationPoints,
  type Point,
  randomBy,
  type SeenOperation,
  type StepPoint,
  stepPoints,
} from './points.ts';

/** How much of the matrix. */
export interface Size {
  /** Of each moment of each step, by kind. Less than 1: so many of them, spread over the steps. */
  readonly moments: Readonly<Record<Kind, number>>;
  /** Of each storage operation of the removing steps, by kind; less than 1: every k-th. */
  readonly operations: Readonly<Record<Kind, number>>;
}

/**
 * Every step × kind × collector, at a third of its moments: another third for another kind, for the next step, and for
 * the other collector.
 */
export const sample: Size = {
  moments: { error: 1 / 3, SIGINT: 1 / 3, SIGTERM: 1 / 3, SIGKILL: 1 / 3 },
  operations: { error: 1 / 96, SIGINT: 1 / 128, SIGTERM: 1 / 128, SIGKILL: 1 / 48 },
};

/** 3,000 times SIGKILL and more, and everything at least once, but for storage operations that are not killed. */
export const long: Size = {
  moments: { error: 1, SIGINT: 1, SIGTERM: 1, SIGKILL: 23 },
  operations: { error: 1 / 6, SIGINT: 1 / 8, SIGTERM: 1 / 8, SIGKILL: 2 },
};

/** The points at one step, in an order that does not let one kind follow itself. */
export function drawStep(step: StepId, size: Size, seed: number): readonly StepPoint[] {
  const offset = Math.floor(randomBy(seed)() * 3) + steps.findIndex(({ id }) => id === step);
  const own = stepPoints().filter((point) => point.step === step);
  return kinds.flatMap((kind, index) =>
    collectors.flatMap((collector, other) => {
      const alike = own.filter((point) => point.kind === kind && point.collector === collector);
      return some(alike, size.moments[kind], offset + index + other);
    }),
  );
}

export function drawOperations(
  collector: Collector,
  step: StepId,
  seen: readonly SeenOperation[],
  size: Size,
  seed: number,
): readonly OperationPoint[] {
  const all = operationPoints(collector, step, seen);
  return kinds.flatMap((kind) => {
    // After it was done, it did not fail.
    const ofKind = all.filter(
      (point) => point.kind === kind && (kind !== 'error' || point.when === 'before'),
    );
    return some(ofKind, size.operations[kind], Math.floor(randomBy(seed)() * ofKind.length));
  });
}

/** All of them so often; or, below 1, every so-manieth from the `offset`th on, and at least one. */
function some<P extends Point>(points: readonly P[], often: number, offset: number): readonly P[] {
  if (often >= 1) return Array.from({ length: often }, () => points).flat();
  if (points.length === 0) return [];
  const stride = Math.round(1 / often);
  return points.filter((_, index) => index % stride === offset % Math.min(stride, points.length));
}
