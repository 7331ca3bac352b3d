import type { Contender, On, Taken } from './contender.ts';
import { dropCaches, mayDropCaches } from './kernel.ts';
import type { Options } from './options.ts';
import type { Row } from './result.ts';
import { balanced } from './statistics.ts';
import { countBlobs, type Ready } from './trees.ts';

export interface Hooks {
  /** A tree on which nobody pays for what was before. */
  readonly makeReady: (contender: Contender) => Promise<Ready>;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  readonly onFailed: (id: string, error: unknown) => void;
}

/**
 * Measures every contender once a round, each round in another order. Those that only read have rounds of their own,
 * first: what is compared should be close in time, since a machine's pace drifts within minutes, and theirs are over in
 * one. One that fails, or has not swept what the others have, is told through `onFailed` and left out from then on.
 */
export async function measureRounds(
  contenders: readonly Contender[],
  options: Pick<Options, 'rounds' | 'cold' | 'dropNames'>,
  { makeReady, signal, say, onFailed }: Hooks,
): Promise<Row[]> {
  const failed = new Set<string>();
  const rows = new Map<string, Row>();
  const left = new Map<On, number>();
  if (options.cold && !mayDropCaches())
    throw new Error('--cold: this machine does not let us drop its caches (root, outside of a container)');
  const reading = contenders.filter(isOnlyRead);
  const changing = contenders.filter((contender) => !isOnlyRead(contender));
  for (const together of [reading, changing]) {
    for (let round = 0; round < options.rounds; round++) {
      if (options.dropNames && mayDropCaches()) dropCaches('names');
      for (const contender of balanced(together, round)) await inRound(round, contender);
    }
  }
  return contenders
    .flatMap((contender) => [contender.id, asCold(contender).id])
    .flatMap((id) => rows.get(id) ?? []);

  async function inRound(round: number, contender: Contender): Promise<void> {
    for (const cold of options.cold && isOnlyRead(contender) ? [false, true] : [false]) {
      const { id, title } = cold ? asCold(contender) : contender;
      if (failed.has(id)) continue;
      say(`round ${round + 1} of ${options.rounds}: ${title}`);
      signal.throwIfAborted();
      const taken = await one(contender, cold).catch((error: unknown) => {
        signal.throwIfAborted();
        failed.add(id);
        rows.delete(id);
        onFailed(id, error);
      });
      if (taken === undefined) continue;
      const row = rows.get(id) ?? { id, title, seconds: [], wall: [], cpu: [], peak: [], parts: {} };
      rows.set(id, row);
      note(row, taken);
    }
  }

  async function one(contender: Contender, cold: boolean): Promise<Taken> {
    const { on } = contender;
    await using ready = await makeReady(contender);
    if (cold) dropCaches('pages');
    const taken = await contender.run(ready.home);
    const blobs = countBlobs(ready.home);
    const expected = left.get(on) ?? (isOnlyRead(contender) ? ready.home.counts.blobs : blobs);
    if (blobs !== expected) throw new Error(`${blobs} blobs are left where there should be ${expected}`);
    left.set(on, expected);
    return taken;
  }
}

function isOnlyRead({ on }: Contender): boolean {
  return on === 'base' || on === 'skew';
}

function asCold({ id, title }: Contender): { readonly id: string; readonly title: string } {
  return { id: `${id} cold`, title: `${title}, cold` };
}

function note(row: Row, { seconds, wall, cpu, peak, parts = {} }: Taken): void {
  row.seconds.push(seconds ?? wall);
  row.wall.push(wall);
  row.cpu.push(cpu);
  row.peak.push(peak);
  for (const [name, figure] of Object.entries(parts)) {
    const figures = row.parts[name] ?? [];
    row.parts[name] = figures;
    figures.push(figure);
  }
}
