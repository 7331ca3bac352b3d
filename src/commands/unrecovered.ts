import { CleanupError } from '../errors.ts';
import { counted } from '../format.ts';
import { openDeeds } from '../pipeline/journal.ts';
import { describeOwner, lifeOf, parseOwner } from '../pipeline/owner.ts';
import { kinds } from '../plan/kinds.ts';
import type { Finding } from '../report/check-document.ts';
import type { State } from '../storage/storage.ts';

/** What was found of other runs: of one that died, and what there is to say beside it. */
export interface OtherRuns {
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
}

/** Looks for the lock and the journal of another run, changing nothing and waiting for nobody. */
export async function lookForOtherRuns(state: State): Promise<OtherRuns> {
  try {
    return await look(state);
  } catch (error) {
    // They are the cleaner's own files: whoever may not read them, or finds them spoilt, can check the storage all the same.
    if (!(error instanceof CleanupError)) throw error;
    return { findings: [], warnings: [`whether another run is under way cannot be seen: ${error.message}`] };
  }
}

async function look(state: State): Promise<OtherRuns> {
  const deeds = (await openDeeds(state)).length;
  const lock = await state.read('lock');
  if (lock === undefined && deeds === 0) return { findings: [], warnings: [] };
  const owner = lock === undefined ? undefined : parseOwner(lock.text);
  const life = lock === undefined ? 'dead' : owner === undefined ? 'unknown' : lifeOf(owner);
  const open = deeds === 0 ? '' : ` and has ${counted(deeds, 'deed')} to undo`;
  if (life !== 'dead') {
    const doing = life === 'alive' ? 'is under way' : 'is under way, or died (then "recover" undoes it)';
    return { findings: [], warnings: [`another run ${doing}${open}: ${describeOwner(owner)}`] };
  }
  const { severity, cure } = kinds['run-left-open'];
  const finding: Finding = {
    severity,
    kind: 'run-left-open',
    path: state.locate(deeds > 0 ? 'journal.ndjson' : 'lock'),
    repository: null,
    tag: null,
    manifest: null,
    count: 1,
    detail: `a run died${open}${owner === undefined ? '' : `: ${describeOwner(owner)}`}`,
    cure,
    command: 'registry-cleanup recover',
  };
  return { findings: [finding], warnings: [] };
}
