import { cpus, release } from 'node:os';
import { steps } from '../../../src/pipeline/steps.ts';
import type { Result } from './lane.ts';
import { type Collector, collectors, type Kind, kinds, nameOf } from './points.ts';

/** The figures of one pass, as `CRASH_MATRIX_RESULT` names a file for. */
export interface Summary {
  readonly date: string;
  readonly machine: string;
  readonly registry: string;
  readonly seed: number;
  /** Starts, middles and ends of steps that were met; and operations on the storage (before, after). */
  readonly moments: number;
  readonly operations: number;
  readonly steps: number;
  readonly kinds: number;
  readonly disturbances: Readonly<Record<Kind, number>>;
  /** The same runs, by what swept in them. */
  readonly collectors: Readonly<Record<Collector, CollectorSummary>>;
  readonly tagsChecked: number;
  readonly tagsLost: number;
  readonly notRestored: number;
  /** Anything else that was wrong. */
  readonly otherFindings: number;
  /** From SIGINT or SIGTERM until the run had ended, s. */
  readonly slowestEnd: number;
  /** What was wrong, in words. */
  readonly findings: readonly string[];
  /** How the runs ended, by kind. */
  readonly endings: Readonly<Record<string, number>>;
  /** Registries that were disturbed at once. */
  readonly lanes: number;
  readonly seconds: number;
}

interface CollectorSummary {
  readonly runs: number;
  readonly tagsLost: number;
  readonly notRestored: number;
  readonly otherFindings: number;
}

export function summaryOf(
  results: readonly Result[],
  about: {
    readonly seed: number;
    readonly seconds: number;
    readonly registry: string;
    readonly lanes: number;
  },
): Summary {
  const moments = new Set<string>();
  const operations = new Set<string>();
  const stepsMet = new Set<string>();
  const endings: Record<string, number> = {};
  for (const { point, ending } of results) {
    stepsMet.add(point.step);
    const where = `${point.collector} ${point.step}`;
    if ('place' in point) moments.add(`${where} ${point.place}`);
    else operations.add(`${where} ${point.operation} ${point.when}`);
    const name = `${point.kind} → ${ending}`;
    endings[name] = (endings[name] ?? 0) + 1;
  }
  const count = (kind: Kind) => results.filter(({ point }) => point.kind === kind).length;
  const badly = (of: readonly Result[]) => {
    const having = (wanted: readonly string[]) =>
      of.filter(({ findings }) => findings.some(({ kind }) => wanted.includes(kind))).length;
    const tagsLost = of.reduce((sum, result) => sum + result.tagsLost, 0);
    return { tagsLost, notRestored: having(['closed', 'recover']), otherFindings: having(others) };
  };
  const by = (collector: Collector): CollectorSummary => {
    const its = results.filter(({ point }) => point.collector === collector);
    return { runs: its.length, ...badly(its) };
  };
  const ends = results.map(({ point, afterwards = 0 }) => (point.kind === 'error' ? 0 : afterwards));
  const [cpu] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpu?.model ?? 'CPU'}, Linux ${release()}, Node ${process.versions.node}`,
    registry: about.registry,
    seed: about.seed,
    moments: moments.size,
    operations: operations.size,
    steps: stepsMet.size,
    kinds: kinds.filter((kind) => count(kind) > 0).length,
    disturbances: {
      error: count('error'),
      SIGINT: count('SIGINT'),
      SIGTERM: count('SIGTERM'),
      SIGKILL: count('SIGKILL'),
    },
    collectors: { registry: by('registry'), native: by('native') },
    tagsChecked: results.reduce((sum, { tagsChecked }) => sum + tagsChecked, 0),
    ...badly(results),
    findings: results.flatMap(({ point, at, findings }) =>
      findings.map(({ text }) => `${nameOf(point)} (${JSON.stringify(at)}): ${text}`),
    ),
    slowestEnd: Math.round(Math.max(0, ...ends) * 100) / 100,
    endings,
    lanes: about.lanes,
    seconds: Math.round(about.seconds),
  };
}

const others = ['left', 'changed', 'ending', 'converges', 'slow', 'unmet'];

/** The last line. */
export function inALine(summary: Summary): string {
  const { moments, operations, disturbances, tagsChecked, tagsLost, notRestored, otherFindings } = summary;
  const points = moments + operations;
  const total = Object.values(disturbances).reduce((sum, count) => sum + count, 0);
  const repeats = (total / (points * summary.kinds)).toFixed(1);
  const each = kinds.map((kind) => `${disturbances[kind]} ${kind}`).join(', ');
  return [
    `Kill matrix: ${points} points (${moments} moments of ${summary.steps}/${steps.length} steps, ${operations} storage operations)`,
    ` × ${summary.kinds} kinds × ${repeats} repeats = ${total} (${each})`,
    `; tags checked: ${tagsChecked}, tags lost: ${tagsLost}, registries not restored: ${notRestored}`,
    `, other findings: ${otherFindings} (${collectors.map((name) => ofCollector(name, summary)).join('; ')})`,
    `; ${summary.seconds} s, SEED=${summary.seed}`,
  ].join('');
}

function ofCollector(name: Collector, summary: Summary): string {
  const { runs, tagsLost, notRestored, otherFindings } = summary.collectors[name];
  return `${name}: ${runs} runs, ${tagsLost + notRestored + otherFindings} findings`;
}
