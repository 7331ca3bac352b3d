import { problem } from '../../src/errors.ts';
import type { Event } from '../../src/pipeline/events.ts';
import type { Report } from './program.ts';
import { type RunHereOptions, runHere } from './run-here.ts';

/** An event, and when it came (ms of the system's monotonic clock, which all processes share). */
export type Told = Event & { readonly at: number };

/** Disposing interrupts a run that is still under way, and waits for its end: a failed test leaves nothing behind. */
export interface ToldRun extends Promise<Report>, AsyncDisposable {
  /** What was told so far. */
  readonly events: readonly Told[];
}

/** Runs the program in this process, and keeps what it tells with the time at which it did. */
export function runTold(configFile: string, options: RunHereOptions = {}): ToldRun {
  const events: Told[] = [];
  const interruption = new AbortController();
  const onEvent = (event: Event) => {
    events.push({ ...event, at: now() });
    options.onEvent?.(event);
  };
  const document = runHere(configFile, { signal: interruption.signal, ...options, onEvent });
  return Object.assign(document, {
    events,
    async [Symbol.asyncDispose]() {
      interruption.abort(problem('INTERRUPTED', { signal: 'SIGTERM' }));
      await document.catch(() => {}); // told to whoever awaits the run
    },
  });
}

/** When a step ended, in the clock of `now`. */
export function endOf(run: ToldRun, id: string): number {
  return timeOf(run, (event) => event.type === 'step-ended' && event.id === id);
}

/** When the undoing of a step began. */
export function undoOf(run: ToldRun, id: string): number {
  return timeOf(run, (event) => event.type === 'undo' && event.id === id && event.outcome === 'started');
}

/** Milliseconds of CLOCK_MONOTONIC. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function timeOf(run: ToldRun, is: (event: Told) => boolean): number {
  const event = run.events.find(is);
  if (event === undefined) throw new Error('there was no such event');
  return event.at;
}
