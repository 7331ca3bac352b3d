import { rmSync, writeFileSync } from 'node:fs';
import type { Contender } from './collect/contender.ts';
import { type Options, parseOptions } from './collect/options.ts';
import { ours } from './collect/ours.ts';
import { printResult } from './collect/print.ts';
import { machineOf, type Result, type SizeResult, writeResult } from './collect/result.ts';
import { measureRounds } from './collect/rounds.ts';
import { theirs } from './collect/theirs.ts';
import { makeReady, shapeFor, treeFor } from './collect/trees.ts';
import { openWorkshop } from './collect/workshop.ts';
import { drawPlot } from './plot/plot.ts';
import { countsOf } from './tree/shape.ts';

/*
 * This program beside the registries' own collectors and `find`, on trees of one seed: interleaved rounds, medians,
 * ratios. What is measured how: docs/speed.md. scripts/bench collect [SIZE] [--rounds N] …
 */
const options = parseOptions(process.argv.slice(2));
// Once: what runs is ended, and its registry stopped. Twice: at once.
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interrupted.abort(new Error(name)));
try {
  const measured = await collect(options);
  const machine = machineOf(options.work);
  let result: Result = { version: 1, machine, sizes: { [measured.size]: measured } };
  if (options.json !== undefined) result = writeResult(options.json, machine, measured);
  process.stdout.write(printResult(result, measured.size));
  if (options.svg !== undefined) writeFileSync(options.svg, drawPlot(result));
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  say('interrupted');
  process.exitCode = 130;
} finally {
  if (!options.keep) rmSync(options.work, { recursive: true, force: true });
}

async function collect(options: Options): Promise<SizeResult> {
  const { size, rounds, only } = options;
  say(`trees in ${options.work}`);
  const base = await treeFor('base', options);
  const { signal } = interrupted;
  using shop = openWorkshop(options, base, signal);
  const isWanted = ({ id, on }: Contender): boolean =>
    only.length > 0 ? only.some((start) => id.startsWith(start)) : on !== 'skew' || options.skew;
  const contenders = [...theirs(shop), ...ours(shop)].filter(isWanted);
  const onFailed = (id: string, error: unknown): void => {
    say(`${id} failed: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  };
  const rows = await measureRounds(contenders, options, {
    makeReady: (contender) => makeReady(contender, options),
    signal,
    say,
    onFailed,
  });
  return {
    size,
    date: new Date().toISOString().slice(0, 10),
    rounds,
    counts: base.counts,
    closedCounts: countsOf(shapeFor('closed', options)),
    registries: options.binaries.map(({ version }) => version),
    rows,
  };
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}
