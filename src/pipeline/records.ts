import { hostname } from 'node:os';
import type { State } from '../storage/storage.ts';
import { type LogLine, parseLines } from './run-log-lines.ts';

/** So many runs are remembered. */
const remembered = 30;
/** Characters that all logs together may take; beyond that the oldest lose their items. */
const logsAtMost = 64 * 1024 * 1024;

const directory = 'runs/';
/** Others' files are none of our business. Run ids sort by time. */
const ours = /^runs\/(\d{8}T\d{6}-[0-9a-f]{8})\.(json|ndjson)$/;

/** A run of which something is on record. */
export interface RecordedRun {
  readonly id: string;
  /** Whether there is the document with which it ended. */
  readonly hasRecord: boolean;
  /** Whether there is a log. Runs of the first version have none. */
  readonly hasLog: boolean;
}

/** Where the document of a run is kept. */
export function recordOf(run: string): string {
  return `${directory}${run}.json`;
}

/** Where the log of a run is kept. */
export function logOf(run: string): string {
  return `${directory}${run}.ndjson`;
}

/** The runs on record, oldest first. */
export async function listRuns(state: State): Promise<readonly RecordedRun[]> {
  const runs = new Map<string, RecordedRun>();
  for (const key of await state.list(directory)) {
    const [, id, ending] = ours.exec(key) ?? [];
    if (id === undefined) continue;
    const known = runs.get(id) ?? { id, hasRecord: false, hasLog: false };
    runs.set(id, { ...known, ...(ending === 'json' ? { hasRecord: true } : { hasLog: true }) });
  }
  return [...runs.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Whether a run has written its log since `moment` (ms since the epoch, by the storage's clock). */
export async function hasRunSince(state: State, moment: number): Promise<boolean> {
  const newest = (await listRuns(state)).findLast(({ hasLog }) => hasLog);
  const log = newest === undefined ? undefined : await state.read(logOf(newest.id));
  return log !== undefined && log.modified >= moment;
}

/** Keeps `document` as the record of run `run`, and forgets the oldest beyond 30. */
export async function keepRecord(state: State, run: string, document: unknown): Promise<void> {
  await state.createExclusive(recordOf(run), `${JSON.stringify(document, null, 2)}\n`);
  await forgetBeyond(state, remembered);
}

/** Makes room for the log of `run`, which begins: its lock must be held. */
export async function forgetOldRuns(state: State, run: string, atMost = logsAtMost): Promise<void> {
  const newest = (await forgetBeyond(state, remembered - 1)).toReversed();
  // The other half is for the log that begins.
  let room = atMost / 2;
  for (const { id, hasLog } of newest) {
    if (!hasLog || id === run) continue;
    const log = await state.read(logOf(id));
    if (log === undefined) continue;
    room -= log.text.length;
    if (room >= 0) continue;
    const brief = withoutItems(log.text);
    if (brief !== undefined) await state.replaceIf(logOf(id), log.text, brief);
  }
}

/**
 * Notes in the logs of dead runs that run `by` has taken over, and which of their steps it undid. The lock must be
 * held: whatever has neither ended nor been taken over is dead, or will be told that its lock is lost.
 */
export async function noteRecovered(
  state: State,
  by: string,
  deeds: readonly { readonly run: string; readonly step: string }[],
): Promise<void> {
  for (const { id, hasLog, hasRecord } of await listRuns(state)) {
    if (!hasLog || id === by) continue;
    const undone = [...new Set(deeds.filter(({ run }) => run === id).map(({ step }) => step))];
    if (undone.length === 0 && (hasRecord || (await isClosed(state, id)))) continue;
    const at = new Date().toISOString();
    await state.append(logOf(id), JSON.stringify({ type: 'recovered', at, by, host: hostname(), undone }));
  }
}

/** With one of these in its log, a run left nothing open, or it is told who closed it. */
const closing: ReadonlySet<LogLine['type']> = new Set(['released', 'end', 'recovered']);

async function isClosed(state: State, id: string): Promise<boolean> {
  const lines = parseLines((await state.read(logOf(id)))?.text ?? '');
  return lines.some(({ type }) => closing.has(type));
}

async function forgetBeyond(state: State, count: number): Promise<readonly RecordedRun[]> {
  const all = await listRuns(state);
  const old = all.slice(0, Math.max(0, all.length - count));
  for (const { id, hasRecord, hasLog } of old) {
    if (hasRecord) await state.remove(recordOf(id));
    if (hasLog) await state.remove(logOf(id));
  }
  return all.slice(old.length);
}

/** A log that counts its items instead of naming them; undefined when it names none. */
function withoutItems(text: string): string | undefined {
  const lines = parseLines(text);
  if (!lines.some((line) => line.type === 'going' && line.groups.length > 0)) return undefined;
  const brief = lines.map(briefly);
  const forgotten = { type: 'forgotten', at: new Date().toISOString() };
  return [...brief, forgotten].map((line) => `${JSON.stringify(line)}\n`).join('');
}

function briefly(line: LogLine): LogLine {
  const done = line.done?.map((one) => ({ ...one, failed: [], absent: [], open: [] }));
  if (line.type !== 'going') return { ...line, done };
  const unnamed = { ...line.unnamed };
  for (const { kind, names } of line.groups) unnamed[kind] = (unnamed[kind] ?? 0) + names.length;
  return { ...line, done, because: [], groups: [], unnamed };
}
