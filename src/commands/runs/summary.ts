import { pause } from '../../pause.ts';
import { lifeOf, type Owner, parseOwner } from '../../pipeline/owner.ts';
import { logOf, type RecordedRun, recordOf } from '../../pipeline/records.ts';
import { type LoggedRun, readRunLog } from '../../pipeline/run-log-read.ts';
import type { ReportDocument } from '../../report/document.ts';
import type { RunSummary } from '../../report/runs-document.ts';
import { parseRecord } from '../../report/runs-record.ts';
import type { State } from '../../storage/storage.ts';
import { countsOf } from './shown.ts';

/** So long at most after it has given the lock back a run is still asking the live registry, ms. */
const lingers = 600_000;

/** Who holds the lock now. `beats`: its heart was seen to beat, so it lives. */
export interface LockOwner {
  readonly owner: Owner;
  readonly beats: boolean;
}

/** More than two heartbeats, ms. */
const watchedFor = 5_000;

/** Who holds the lock, if that can be read. One that cannot be seen from here is watched for some seconds. */
export async function lockOwner(
  state: State,
  signal: AbortSignal,
  forAtMost = watchedFor,
): Promise<LockOwner | undefined> {
  const first = await state.read('lock');
  const owner = parseOwner(first?.text ?? '');
  if (owner === undefined || lifeOf(owner) !== 'unknown') return owner && { owner, beats: false };
  const until = performance.now() + forAtMost;
  while (performance.now() < until) {
    await pause(100, signal);
    const now = await state.read('lock');
    if (now?.text === first?.text) continue;
    const next = parseOwner(now?.text ?? '');
    return next && { owner: next, beats: next.run === owner.run };
  }
  return { owner, beats: false };
}

/** The document with which a run ended, where there is one that can be read. */
export async function readRecord(
  state: State,
  { id, hasRecord }: RecordedRun,
): Promise<ReportDocument | undefined> {
  const file = hasRecord ? await state.read(recordOf(id)) : undefined;
  return file === undefined ? undefined : parseRecord(file.text);
}

/** What the log of a run tells; nothing, where there is none. */
export async function readLog(state: State, { id, hasLog }: RecordedRun): Promise<LoggedRun> {
  const file = hasLog ? await state.read(logOf(id)) : undefined;
  return readRunLog(file?.text ?? '');
}

/** The run in few words. Logs are long: that of a run is read only where its record does not tell it all. */
export async function summarize(
  state: State,
  run: RecordedRun,
  lock: LockOwner | undefined,
): Promise<RunSummary> {
  const record = await readRecord(state, run);
  // It left something open, so another run came after it.
  const closed = record !== undefined && record.exitCode !== 20;
  return summaryOf(run, record, closed ? undefined : await readLog(state, run), lock);
}

export function summaryOf(
  { id, hasRecord }: RecordedRun,
  record: ReportDocument | undefined,
  logged: LoggedRun | undefined,
  lock: LockOwner | undefined,
): RunSummary {
  const at = logged?.begin?.at ?? timeIn(id);
  const by = logged?.recovered;
  const recovered = by === undefined ? null : { by: by.by, at: by.at, host: by.host, undone: [...by.undone] };
  if (record !== undefined) {
    const { outcome, exitCode, error, removed, window, steps } = record;
    const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
    const code = error?.code ?? null;
    return {
      ...open,
      id,
      at,
      state: 'ended',
      outcome,
      exitCode,
      error: code,
      seconds,
      removed,
      window,
      recovered,
    };
  }
  if (logged?.end !== undefined) {
    const { outcome, exitCode, error, seconds, removed, window } = logged.end;
    return { ...open, id, at, state: 'ended', outcome, exitCode, error, seconds, removed, window, recovered };
  }
  if (logged === undefined || hasRecord) return { ...open, id, at, state: 'ended', recovered };
  return {
    ...open,
    id,
    at,
    state: stateOf(id, logged, lock),
    doing: doing(logged),
    known: countsOf(logged),
    recovered,
  };
}

const open = {
  outcome: null,
  exitCode: null,
  error: null,
  seconds: null,
  removed: null,
  window: null,
  doing: null,
  known: null,
} as const;

function stateOf(
  id: string,
  { begin, released, recovered }: LoggedRun,
  lock: LockOwner | undefined,
): RunSummary['state'] {
  const holds = lock?.owner.run === id;
  if (holds && lock.beats) return 'running';
  // The lock's owner is as good as the log's: it tells the process, too.
  const life = holds ? lifeOf(lock.owner) : begin?.owner === undefined ? 'unknown' : lifeOf(begin.owner);
  if (life === 'alive') return 'running';
  if (life === 'dead' || recovered !== undefined) return 'killed';
  if (holds) return 'unknown';
  // Whoever still had something to undo would hold the lock.
  const since = begin === undefined ? 0 : Date.parse(begin.at);
  return released && Date.now() - since < lingers ? 'unknown' : 'killed';
}

/** What it was about when it was last heard of. */
function doing({ begin, batches, collected, released }: LoggedRun): string | null {
  const step = batches.at(-1)?.step;
  if (released) return 'after it had undone everything and given the lock back';
  if (step === 'tidy') return 'while it tidied uploads and empty directories';
  if (collected !== undefined) return 'after the collector had ended';
  if (step === 'collect' && begin?.settings.collector === 'native')
    return 'when it swept blobs, or thereafter';
  if (step === 'collect') return 'when the collector was about to run, or ran';
  if (step === 'apply') return 'while it removed references, or rehearsed the collector';
  return begin === undefined ? null : 'before it removed anything';
}

/** `20261120T191500-…` → ISO. */
function timeIn(id: string): string {
  return id.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d).*$/, '$1-$2-$3T$4:$5:$6.000Z');
}
