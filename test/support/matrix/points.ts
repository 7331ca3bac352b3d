import { type StepId, steps } from '../../../src/pipeline/steps.ts';

/** What happens to a run. `error`: something inside of it throws. A signal meets its process alone, not its group. */
export const kinds = ['error', 'SIGINT', 'SIGTERM', 'SIGKILL'] as const;
export type Kind = (typeof kinds)[number];

const places = ['start', 'middle', 'end'] as const;
export type Place = (typeof places)[number];

/** What sweeps blobs. Every step is met with each. */
export const collectors = ['registry', 'native'] as const;
export type Collector = (typeof collectors)[number];

/** Steps that remove something themselves: every single operation on the storage is a moment there. */
export const removing = {
  registry: ['apply', 'tidy'],
  native: ['apply', 'collect', 'tidy'],
} as const satisfies Readonly<Record<Collector, readonly StepId[]>>;

/** Steps that a run with the collector does not take. */
const skipped: Readonly<Record<Collector, readonly StepId[]>> = { registry: [], native: ['rehearse'] };

/** At a moment of a step. */
export interface StepPoint {
  readonly collector: Collector;
  readonly kind: Kind;
  readonly step: StepId;
  readonly place: Place;
}

/** At an operation on the storage that a removing step makes. */
export interface OperationPoint {
  readonly collector: Collector;
  readonly kind: Kind;
  readonly step: StepId;
  /** 1 is the step's first. */
  readonly operation: number;
  readonly when: 'before' | 'after';
}

export type Point = StepPoint | OperationPoint;

/** Every step of the table, with each collector: a new one is in it without anyone remembering. Each of them must come to pass. */
export function stepPoints(table: readonly { readonly id: StepId }[] = steps): readonly StepPoint[] {
  return collectors.flatMap((collector) =>
    table
      .filter(({ id }) => !skipped[collector].includes(id))
      .flatMap(({ id: step }) =>
        places.flatMap((place) => kinds.map((kind) => ({ collector, kind, step, place }))),
      ),
  );
}

/** A call on the storage, as an undisturbed run made it. */
export interface SeenOperation {
  readonly call: string;
  readonly changes: boolean;
}

/**
 * Before every operation, and after those that change something: after a look nothing is different from before the
 * next operation.
 */
export function operationPoints(
  collector: Collector,
  step: StepId,
  seen: readonly SeenOperation[],
): readonly OperationPoint[] {
  return seen.flatMap(({ changes }, index) => {
    const moments = changes ? (['before', 'after'] as const) : (['before'] as const);
    return moments.flatMap((when) =>
      kinds.map((kind) => ({ collector, kind, step, operation: index + 1, when })),
    );
  });
}

export function nameOf(point: Point): string {
  const moment = 'place' in point ? `the ${point.place}` : `${point.when} operation ${point.operation}`;
  return `${point.kind} at ${moment} of ${point.step} (${point.collector})`;
}

/** Numbers from 0 to 1 that `seed` decides (mulberry32). */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
