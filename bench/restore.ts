import { type StepId, steps } from '../src/pipeline/steps.ts';
import { openBench, pause } from '../test/support/bench.ts';
import { nest } from '../test/support/drive.ts';
import { openDrivers } from '../test/support/matrix/drivers.ts';
import { post } from '../test/support/process-runtime.ts';

/*
 * How long after SIGTERM a run has ended and the live registry takes pushes again, by the step in which it came; and a
 * plain stop and start of the same registry, side by side, interleaved. scripts/bench restore [rounds]
 */

const rounds = Number(process.argv[2] ?? 5);
const ids = steps.map(({ id }) => id);
const disturbed: readonly StepId[] = ids.slice(ids.indexOf('stop'), ids.indexOf('tidy') + 1);
const byStep = new Map<StepId, number[]>(disturbed.map((step) => [step, []]));
const plain: number[] = [];

await using bench = await openBench();
using place = nest();
await using drivers = openDrivers(place);
const { registry } = bench;
for (let round = 0; round < rounds; round++) {
  const started = performance.now();
  await registry.restart();
  plain.push((performance.now() - started) / 1000);
  for (const [step, measured] of byStep) measured.push(await interrupt(step));
}

const usual = median(plain);
const all = [...byStep.values()].flat();
print('stop and start it', plain);
for (const [step, measured] of byStep) print(`SIGTERM in ${step}`, measured);
process.stdout.write(
  `${rounds} rounds; less the registry's own stop and start: median ${seconds(median(all) - usual)}, at most ${seconds(Math.max(...all) - usual)}\n`,
);

/** Seconds from the signal to the end of the run. */
async function interrupt(step: StepId): Promise<number> {
  for (;;) {
    bench.reset();
    const at = { afterMs: Math.round(Math.random() * pause * 800) };
    const disturbance = { kind: 'SIGTERM', step, at } as const;
    const ran = await drivers.run({ configFile: bench.configFor(step), root: registry.root, disturbance });
    // Some steps are over at once.
    if ('killedBy' in ran || ran.afterwards === undefined) continue;
    if (ran.report?.exitCode !== 143 || (await post(registry.url)) !== 202)
      throw new Error(`after SIGTERM in ${step}: ${JSON.stringify(ran.report ?? ran.thrown)}`);
    return ran.afterwards;
  }
}

function print(name: string, measured: readonly number[]): void {
  const figures = `median ${seconds(median(measured))}, at most ${seconds(Math.max(...measured))}`;
  process.stdout.write(`${name.padEnd(22)} ${figures}\n`);
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
