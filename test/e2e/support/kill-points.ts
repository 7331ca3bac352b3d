import { readFileSync } from 'node:fs';
import { type StepId, steps } from '../../../src/pipeline/steps.ts';

export const victims = ['cleaner', 'stand-in', 'engine'] as const;
export type Victim = (typeof victims)[number];

/** The two hand-overs: side by side under an alias, or one after the other on a port. */
export const places = ['alias', 'port'] as const;
export type Place = (typeof places)[number];

export interface KillPoint {
  readonly edge: 'start' | 'end';
  readonly step: StepId;
  readonly place: Place;
  /** What closes what the dead run left open: `recover`, or the next run before it does anything else. */
  readonly closer: 'recover' | 'run';
}

/** Where there is something to be undone, a lock at least. Whatever step is added there is in it. */
const from = steps.findIndex(({ id }) => id === 'lock');
const to = steps.findIndex(({ id }) => id === 'verify-live');
const dangerous = steps.slice(from, to + 1).map(({ id }) => id);

const edges = ['start', 'end'] as const;

/** The same in every file of one test run: when its process started, in clock ticks (proc(5)). */
export const seed = Number(process.env.KILL_SEED ?? startOf(process.ppid));

/**
 * Where `victim` is killed. In the long run at both edges of every step, at both places. Otherwise each step has one of
 * the victims, at one edge, and each victim one place: the seed says which.
 */
export function killPoints(victim: Victim): readonly KillPoint[] {
  if (process.env.LONG === '1') {
    return places.flatMap((place) =>
      dangerous.flatMap((step, index) => edges.map((edge) => at(step, index, { edge, place }))),
    );
  }
  const place = pick(places, seed + victims.indexOf(victim));
  return dangerous.flatMap((step, index) =>
    pick(victims, index + seed) === victim
      ? [at(step, index, { edge: pick(edges, roll(seed, index)), place })]
      : [],
  );
}

function at(step: StepId, index: number, chosen: Pick<KillPoint, 'edge' | 'place'>): KillPoint {
  return { ...chosen, step, closer: pick(['recover', 'run'] as const, roll(seed, index) >> 1) };
}

function pick<T>(all: readonly [T, ...T[]], index: number): T {
  return all[Math.abs(index) % all.length] ?? all[0];
}

/** 32 bits that look like chance (splitmix32). */
function roll(seed: number, index: number): number {
  let z = (seed + Math.imul(index + 1, 0x9e3779b9)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}
