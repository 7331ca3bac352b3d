import type { State } from '../storage/storage.ts';

/** So many runs are remembered. */
const remembered = 30;

/** Keeps `document` as the record of run `run`, and forgets the oldest beyond 30. Run ids sort by time. */
export async function keepRecord(state: State, run: string, document: object): Promise<void> {
  await state.createExclusive(`runs/${run}.json`, `${JSON.stringify(document, null, 2)}\n`);
  const all = await state.list('runs/');
  for (const old of all.slice(0, -remembered)) await state.remove(old);
}
