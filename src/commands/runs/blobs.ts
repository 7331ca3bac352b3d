import type { Collection } from '../../apply/collector.ts';
import type { LoggedItem, RunLog } from '../../pipeline/run-log.ts';
import type { Plan } from '../../plan/plan.ts';

/** Of what the collector did otherwise than announced, so much is kept by name: it is little, or something is wrong. */
const surprisesAtMost = 1_000;

/** What the rehearsal, or without one the plan, says of blobs, put on record before the collector runs. */
export async function logCollection(
  log: RunLog | undefined,
  plan: Plan,
  rehearsal: Collection | undefined,
): Promise<(collection: Collection) => Promise<void>> {
  if (log === undefined) return async () => {};
  const batch = await log.going('collect', announced(plan, rehearsal));
  return async (collection) => {
    await log.collected({ batch, blobs: collection.blobs, ...surprises(plan, rehearsal, collection) });
  };
}

function* announced(plan: Plan, rehearsal: Collection | undefined): Generator<LoggedItem> {
  const { inventory } = plan.kept;
  if (rehearsal === undefined) {
    for (const { kind, digest, because } of plan.remove.of('blob'))
      if (digest !== undefined) yield { kind, name: digest, because };
    return;
  }
  for (const [id, sweeps] of rehearsal.sweeps.entries()) {
    if (sweeps === 1)
      yield { kind: 'blob', name: inventory.digest(id), because: 'no manifest that stays names it' };
  }
  for (const name of rehearsal.unknown)
    yield { kind: 'blob', name, because: 'no manifest names it: it came after the last look' };
}

/** `spared`: announced, and not swept. `besides`: swept, and not announced. */
function surprises(
  plan: Plan,
  rehearsal: Collection | undefined,
  { sweeps, unknown }: Collection,
): { spared: string[]; besides: string[] } {
  const { inventory } = plan.kept;
  const expected = rehearsal?.sweeps ?? sweepsOf(plan);
  const before = new Set(rehearsal?.unknown);
  const after = new Set(unknown);
  const spared = [...before].filter((digest) => !after.has(digest));
  const besides = unknown.filter((digest) => !before.has(digest));
  sweeps.forEach((swept, id) => {
    if (swept === expected[id]) return;
    const list = swept === 1 ? besides : spared;
    if (list.length < surprisesAtMost) list.push(inventory.digest(id));
  });
  return { spared: spared.slice(0, surprisesAtMost), besides: besides.slice(0, surprisesAtMost) };
}

function sweepsOf({ remove, kept: { inventory } }: Plan): Uint8Array {
  const sweeps = new Uint8Array(inventory.digestCount);
  for (const { digest } of remove.of('blob')) if (digest) sweeps[inventory.find(digest)] = 1;
  return sweeps;
}
