import { appendFileSync } from 'node:fs';
import { cpus, hostname, totalmem } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { steps } from '../../../src/pipeline/steps.ts';
import { docker } from './docker.ts';
import { lineAt } from './halt.ts';
import { type KillPoint, killPoints, type Place, seed, type Victim } from './kill-points.ts';
import { KillStage, type Tally } from './kill-stage.ts';
import { PrivateEngine } from './private-engine.ts';
import { image, socket } from './scene.ts';

/** Nothing here is about time, and an engine that starts may take its own. */
const patience = { timeout: 300_000 };

/*
 * SIGKILL at the edges of steps: of the cleaner (its container, or itself with all that it does), of the stand-in in
 * which the collector runs, of the engine that all of them depend on. A file for each victim: files run side by side.
 */
export function describeKills(victim: Victim): void {
  const points = killPoints(victim);
  const stages = new Map<Place, KillStage>();
  const tally: Tally = { kills: 0, tagsChecked: 0, tagsLost: 0, notRestored: 0 };
  const began = performance.now();
  let engine: PrivateEngine | undefined;

  async function stageAt(place: Place): Promise<KillStage> {
    const stage = stages.get(place) ?? (await KillStage.open(place, engine?.socket ?? socket, tally));
    stages.set(place, stage);
    return stage;
  }

  beforeAll(async () => {
    if (victim !== 'engine') return;
    engine = await PrivateEngine.open(['registry:2', image]);
    process.env.DOCKER_HOST = engine.host;
  });

  afterAll(async () => {
    for (const stage of stages.values()) await stage[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    tell(victim, points.length, tally, (performance.now() - began) / 1000);
  });

  describe(`the ${victim} is killed (seed ${seed})`, () => {
    const closer = victim === 'stand-in' ? '' : ', closed by $closer';
    it.each(points)(`at the $edge of "$step", behind its $place${closer}`, patience, async (point) => {
      const stage = await stageAt(point.place);
      try {
        await stage.fill();
        const closed = await kill(victim, point, stage, engine);
        tally.kills++;
        if (closed) await stage.expectRestored();
        await stage.expectConverged();
        await stage.expectRestored();
      } catch (error) {
        // The next point shall not suffer from this one, nor its error from what cannot be tidied up.
        stages.delete(point.place);
        await stage[Symbol.asyncDispose]().catch(() => {});
        throw error;
      }
    });
  });
}

/** Returns whether whatever was left open is closed again. */
async function kill(
  victim: Victim,
  point: KillPoint,
  stage: KillStage,
  engine: PrivateEngine | undefined,
): Promise<boolean> {
  const run = await stage.halt(lineAt(point.edge, point.step), ['run', '--json']);
  if (victim === 'stand-in') {
    const killed = await stage.killStandIn();
    run.goOn();
    const { exitCode, stderr } = await run.ended;
    expect(endings(point, killed), stderr).toContain(exitCode);
    return true;
  }
  if (engine === undefined) {
    await docker('kill', run.container);
    expect((await run.ended).exitCode).toBe(137);
  } else {
    await engine.end('SIGKILL');
    run.goOn();
    await engine.start();
    await run.ended;
  }
  if (point.closer === 'run') return false;
  const recovered = await stage.recover();
  expect(recovered.exitCode, `${recovered.stdout}\n${recovered.stderr}`).toBe(0);
  return true;
}

/** How a run may end whose stand-in is gone: well only where it is not needed any more. */
function endings({ edge, step }: KillPoint, killed: boolean): readonly number[] {
  if (!killed) return [0];
  const at = steps.findIndex(({ id }) => id === step) + (edge === 'end' ? 1 : 0);
  return at <= steps.findIndex(({ id }) => id === 'collect') ? [1, 5] : [0, 1, 5];
}

function tell(victim: Victim, points: number, tally: Tally, seconds: number): void {
  const { kills, tagsChecked, tagsLost, notRestored } = tally;
  const at = `${points} points × 1 victim (${victim}) × 1 = ${kills} kills`;
  const seen = `${tagsChecked} tags checked, ${tagsLost} lost, ${notRestored} registries not restored`;
  process.stdout.write(`${at}: ${seen}; seed ${seed}, ${Math.round(seconds)} s\n`);
  const file = process.env.DOCKER_MATRIX_RESULT;
  if (file === undefined) return;
  const machine = `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const result = { at: new Date().toISOString(), host: hostname(), machine, victim, points, ...tally, seed };
  appendFileSync(file, `${JSON.stringify({ ...result, seconds: Math.round(seconds) })}\n`);
}
