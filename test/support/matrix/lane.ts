import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type StepId, steps } from '../../../src/pipeline/steps.ts';
import { type Bench, openBench, pause } from '../bench.ts';
import { type Nest, nest } from '../drive.ts';
import { signal } from '../processes.ts';
import { program } from '../program.ts';
import { diff, type Snapshot, snapshot, stateDirectory } from '../tree.ts';
import type { Course, Moment } from './disturb.ts';
import { type Drivers, openDrivers, type Ran, type RecoverReport } from './drivers.ts';
import { convergence, type Finding, lookAfter, push } from './judge.ts';
import { type Collector, collectors, type Kind, type Point } from './points.ts';

/** What came of one disturbance. */
export interface Result {
  readonly point: Point;
  readonly at: Moment;
  /** How often a tag's closure was read and hashed, and how many were not whole. */
  readonly tagsChecked: number;
  readonly tagsLost: number;
  /** What is wrong; empty when all is well. */
  readonly findings: readonly Finding[];
  /** How it ended: `143`, `thrown`, `SIGKILL`. */
  readonly ending: string;
  /** From the disturbance until the run had ended, s. Undefined where it was killed. */
  readonly afterwards: number | undefined;
}

type Courses = Readonly<Record<Collector, Readonly<Partial<Record<StepId, Course>>>>>;

/** One registry with processes to disturb on it. */
export interface Lane extends AsyncDisposable {
  /** Of the registry. */
  readonly version: string;
  /** What an undisturbed run does in each step. */
  readonly courses: Courses;
  /** Undefined: the moment did not come. */
  disturb(point: Point, random: () => number): Promise<Result>;
}

/** A run that is disturbed must have ended by then, s. Wide: the machine may be busy. */
const bearable = 30;

/** The first step after which the tree may be another one. */
const firstRemoval = steps.findIndex(({ id }) => id === 'apply');

export async function openLane(): Promise<Lane> {
  const bench = await openBench();
  const place = nest();
  const drivers = openDrivers(place);
  let pushes = 0;
  const newSeed = () => {
    pushes += 1;
    return `${process.pid}/${pushes}`;
  };
  const lane = { bench, place, drivers, newSeed };
  const { registry } = bench;
  bench.reset();
  const before = snapshot(registry.root);
  const reference = async (collector: Collector) => {
    bench.reset();
    const ran = await undisturbed(lane, collector);
    if ('killedBy' in ran || ran.report?.outcome !== 'ok')
      throw new Error(`the undisturbed run (${collector}) failed: ${JSON.stringify(ran)}`);
    return ran.courses;
  };
  const courses: Courses = { registry: await reference('registry'), native: await reference('native') };
  return {
    version: registry.version,
    courses,
    disturb: (point, random) => disturbOnce({ ...lane, before, courses }, point, random),
    async [Symbol.asyncDispose]() {
      await drivers[Symbol.asyncDispose]();
      place[Symbol.dispose]();
      await bench[Symbol.asyncDispose]();
    },
  };
}

interface Ready {
  readonly bench: Bench;
  readonly place: Nest;
  readonly drivers: Drivers;
  readonly before: Snapshot;
  readonly courses: Courses;
  /** Nobody has pushed it before. */
  newSeed(): string;
}

async function disturbOnce(lane: Ready, point: Point, random: () => number): Promise<Result> {
  const { bench, drivers } = lane;
  const { root } = bench.registry;
  const { collector } = point;
  let at = momentOf(point, lane.courses[collector][point.step], random);
  for (let tries = 1; ; tries += 1) {
    bench.reset();
    const lasts = typeof at === 'object' && 'afterMs' in at;
    const configFile = bench.configFor(lasts ? point.step : 'preflight', collector);
    const { kind, step } = point;
    const ran = await drivers.run({ configFile, root, disturbance: { kind, step, at } });
    const afterwards = 'killedBy' in ran ? undefined : ran.afterwards;
    if ('killedBy' in ran || afterwards !== undefined) {
      const judgement = await judge(lane, { point, ran, random });
      if (judgement.findings.length > 0) await repair(lane);
      return { ...judgement, point, at, afterwards };
    }
    if (tries === 5) {
      const finding = {
        kind: 'unmet',
        text: 'the moment did not come',
      } as const;
      return {
        point,
        at,
        tagsChecked: 0,
        tagsLost: 0,
        findings: [finding],
        ending: endingOf(ran),
        afterwards,
      };
    }
    at = sooner(at);
  }
}

interface Case {
  readonly point: Point;
  readonly ran: Ran;
  readonly random: () => number;
}

async function judge(lane: Ready, { point, ran, random }: Case) {
  const { bench, before, drivers, place, newSeed } = lane;
  const { registry } = bench;
  const findings: Finding[] = [];
  const quick = bench.configFor('preflight', point.collector);
  const ending = endingOf(ran);
  const unrestored = ending === '20';
  if (!('killedBy' in ran) && (ran.afterwards ?? 0) > bearable)
    findings.push({ kind: 'slow', text: `it took ${ran.afterwards} s to end` });
  if (!isExpected(point, ending))
    findings.push({ kind: 'ending', text: `it ended with ${ending}: ${told(ran)}` });
  if ('killedBy' in ran || unrestored) {
    const dead = snapshot(registry.root);
    // Most by the process that is ready; now and then as people do.
    const recovered = random() < 0.95 ? await drivers.recover(quick) : await recoverAsPeopleDo(quick, place);
    if (recovered.exitCode !== 0)
      findings.push({ kind: 'recover', text: `recover: ${JSON.stringify(recovered.error)}` });
    const removed = diff(dead, snapshot(registry.root)).map(({ path, what }) => `${path} ${what}`);
    if (removed.length > 0)
      findings.push({ kind: 'changed', text: `recover changed: ${removed.join(', ')}` });
  }
  const { swept, ...first } = await lookAfter(bench, place, { killed: 'killedBy' in ran });
  findings.push(...first.findings);
  const changed = diff(before, snapshot(registry.root)).map(({ path, what }) => `${path} ${what}`);
  // An error that the program lives with (a heartbeat, say) has not cut it off.
  const cutOff = ending !== '0' && ending !== '3';
  if (cutOff && changed.length > 0 && steps.findIndex(({ id }) => id === point.step) < firstRemoval)
    findings.push({ kind: 'changed', text: `changed: ${changed.join(', ')}` });
  const pushed = await push(bench, newSeed());
  if ('finding' in pushed) return { ...first, findings: [...findings, pushed.finding], ending };
  if (random() < 0.2) {
    const again = await drivers.recover(quick);
    if (again.outcome !== 'nothing-to-do')
      findings.push({ kind: 'recover', text: `recover once more: ${JSON.stringify(again)}` });
  }
  const whole = random() < 0.06;
  // Where nothing has changed the next run is an undisturbed one.
  if (changed.length === 0 && !whole && swept.length === 0) return { ...first, findings, ending };
  // Whoever comes next may be another collector: both end at the same tree.
  const next =
    random() < 0.9 ? point.collector : (collectors.find((one) => one !== point.collector) ?? 'registry');
  const run = () => undisturbed(lane, next);
  findings.push(...(await convergence({ bench, pushed: pushed.pushed, run, whole, newSeed })));
  const second = await lookAfter(bench, place, { killed: false });
  findings.push(...second.findings);
  return {
    findings,
    ending,
    tagsChecked: first.tagsChecked + second.tagsChecked,
    tagsLost: Math.max(first.tagsLost, second.tagsLost),
  };
}

/** What one disturbance has left shall not be found again after the next. */
async function repair({ bench, place }: Ready): Promise<void> {
  const { registry } = bench;
  for (const { pid } of place.inhabitants()) signal(pid, 'SIGKILL');
  for (const name of place.left()) rmSync(join(place.path, name), { recursive: true, force: true });
  rmSync(join(registry.root, stateDirectory), { recursive: true, force: true });
  await registry.restart();
}

/**
 * A run that nobody disturbs. Lanes share a machine: what another one's dying collector works on cannot always be told,
 * which a run refuses. Not its fault, nor the disturbance's.
 */
async function undisturbed(
  { bench, drivers, place }: Pick<Ready, 'bench' | 'drivers' | 'place'>,
  collector: Collector,
): Promise<Ran> {
  const { registry } = bench;
  const configFile = bench.configFor('preflight', collector);
  for (let tries = 1; ; tries += 1) {
    const ran = await drivers.run({ configFile, root: registry.root });
    const error = 'killedBy' in ran ? undefined : ran.report?.error;
    const about = JSON.stringify([error?.message, error?.details]);
    const nests: readonly string[] = about.match(/registry-cleanup-nest-\w+/g) ?? [];
    if (tries === 5 || nests.length === 0 || nests.some((name) => name === basename(place.path))) return ran;
    await sleep(100);
  }
}

/** Steps that wait for somebody else, and can be made to. */
const waiting: Readonly<Record<Collector, readonly StepId[]>> = {
  registry: ['drain', 'stop', 'readonly', 'rehearse', 'collect', 'restore'],
  native: ['drain', 'stop', 'readonly', 'restore'],
};

function momentOf(point: Point, course: Course | undefined, random: () => number): Moment {
  if ('operation' in point) return { operation: point.operation, when: point.when };
  if (point.place !== 'middle') return point.place;
  const waits = waiting[point.collector].includes(point.step);
  // An error cannot come from outside, and waiting is not inside.
  if (waits && point.kind !== 'error' && (point.step === 'drain' || random() < 0.5))
    return { afterMs: Math.round(random() * pause * 1000 * 0.8) };
  return { inner: 1 + Math.floor(random() * (course?.inner ?? 1) * 0.8) };
}

/** How often a step looks whether something has come is not the same every time. */
function sooner(at: Moment): Moment {
  if (typeof at !== 'object') return at;
  if ('inner' in at) return { inner: Math.ceil(at.inner / 2) };
  if ('afterMs' in at) return { afterMs: Math.floor(at.afterMs / 2) };
  return at;
}

const interrupted: Readonly<Record<Exclude<Kind, 'error' | 'SIGKILL'>, string>> = {
  SIGINT: '130',
  SIGTERM: '143',
};

/**
 * An error may be one that the program lives with (a lock's heartbeat, the record of the run), or of a single file
 * that cannot be removed; or keep it from restoring, which it must say.
 */
function isExpected({ kind, step }: Point, ending: string): boolean {
  if (kind === 'SIGKILL') return ending === 'SIGKILL';
  if (kind !== 'error') return ending === interrupted[kind];
  const mayBe = ['thrown', '0', '1', '3', ...(step === 'restore' ? ['20'] : [])];
  return mayBe.includes(ending);
}

function endingOf(ran: Ran): string {
  if ('killedBy' in ran) return ran.killedBy;
  return ran.report === undefined ? 'thrown' : String(ran.report.exitCode);
}

function told(ran: Ran): string {
  return 'killedBy' in ran ? '' : (ran.thrown ?? JSON.stringify(ran.report?.error ?? ran.report?.warnings));
}

async function recoverAsPeopleDo(configFile: string, { path }: Nest): Promise<RecoverReport> {
  const { stdout, stderr } = await program(['recover', '--json', '--config', configFile], {
    env: { TMPDIR: path },
  });
  if (stdout === '') throw new Error(`recover says nothing: ${stderr}`);
  return JSON.parse(stdout) as RecoverReport;
}
