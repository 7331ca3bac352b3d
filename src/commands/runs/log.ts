import { collectorOf } from '../../config/collector.ts';
import type { Config } from '../../config/schema.ts';
import { CleanupError } from '../../errors.ts';
import { createMasker, maskDeep } from '../../mask.ts';
import type { Emit } from '../../pipeline/events.ts';
import { keepRecord, noteRecovered } from '../../pipeline/records.ts';
import { openRunLog, type RunLog } from '../../pipeline/run-log.ts';
import type { ReportDocument } from '../../report/document.ts';
import type { State } from '../../storage/storage.ts';
import { version } from '../version.ts';

export interface LogOptions {
  readonly state: State;
  readonly run: string;
  readonly config: Config;
  readonly registry: ReportDocument['registry'];
  readonly emit: Emit;
}

/** A run's log, which tells what is about to be removed even if the run is killed, and its record at the end. */
export async function openLog({ state, run, config, registry, emit }: LogOptions): Promise<RunLog> {
  return openRunLog({
    state,
    run,
    begin: { version: version(), registry, settings: settingsOf(config) },
    onMissed: ({ message }) => {
      emit({ type: 'warning', text: `what this run removes cannot all be put on record: ${message}` });
    },
  });
}

/** Keeps the document with which a run ended. Throws what speaks against that once the log has its end. */
export async function closeLog(
  log: RunLog,
  { state, run, config }: LogOptions,
  document: ReportDocument,
): Promise<void> {
  const { outcome, exitCode, error, removed, window } = document;
  const seconds = document.steps.reduce((sum, step) => sum + step.seconds, 0);
  try {
    // A file is read by more people than the screen was.
    await keepRecord(state, run, maskDeep(document, maskerOf(config)));
  } finally {
    await log.end({ outcome, exitCode, error: error?.code ?? null, seconds, removed, window });
  }
}

/** The end of a run that a bug ended: there is no document of it. */
export async function closeLogOfBug(log: RunLog): Promise<void> {
  const figures = { seconds: 0, removed: null, window: null };
  await log.end({ outcome: 'failed', exitCode: 1, error: 'BUG', ...figures });
}

/** Notes with the dead runs that `run` has taken over. Whatever speaks against that is a warning. */
export async function noteTakenOver(
  { state, run, emit }: Pick<LogOptions, 'state' | 'run' | 'emit'>,
  deeds: Parameters<typeof noteRecovered>[2],
): Promise<void> {
  try {
    await noteRecovered(state, run, deeds);
  } catch (error) {
    if (!(error instanceof CleanupError)) throw error;
    emit({ type: 'warning', text: `it cannot be put on record which run died: ${error.message}` });
  }
}

/** What of the configuration decides what goes, by its keys. No secrets. */
function settingsOf(config: Config): Record<string, string | number | boolean> {
  const { untagged, uploads, repositories, garbageCollect, damage, readonlyInstance, limits, unsafe } =
    config;
  return {
    'untagged.keepWithin': untagged.keepWithin.text,
    ...(untagged.protect.length > 0 ? { 'untagged.protect': untagged.protect.length } : {}),
    'uploads.keepWithin': uploads.keepWithin.text,
    'repositories.removeEmpty': repositories.removeEmpty,
    ...(collectorOf(config) === 'native'
      ? { collector: 'native', damage }
      : {
          'garbageCollect.deleteUntagged': garbageCollect.deleteUntagged,
          'garbageCollect.rehearse': garbageCollect.rehearse,
        }),
    readonlyInstance,
    ...(limits.maxDuration === undefined ? {} : { 'limits.maxDuration': limits.maxDuration.text }),
    ...(limits.window === undefined ? {} : { 'limits.window': limits.window.text }),
    ...(unsafe.allowNoTags ? { 'unsafe.allowNoTags': true } : {}),
  };
}

function maskerOf({ registry: { auth } }: Config): (text: string) => string {
  const { username, password } = auth;
  return createMasker({
    values: password === undefined ? [] : [password],
    credentials: username === undefined || password === undefined ? [] : [{ username, password }],
  });
}
