import { isWithin, type Window } from '../config/window.ts';
import { problem } from '../errors.ts';

export interface Limits {
  /** How long the run may take. Undefined: as long as it needs. */
  readonly maxDuration: { readonly ms: number; readonly text: string } | undefined;
  /** When it may work. Undefined: at any time. */
  readonly window: (Window & { readonly timeZone: string }) | undefined;
}

export interface Deadline extends Disposable {
  /** Aborted with the catalogue's OUT_OF_TIME as its reason; at once where the window is not open. */
  readonly signal: AbortSignal;
}

/** Told again and again and not reckoned ahead: clocks are set, nights change to summer time, machines sleep. */
const lookEvery = 500;

/** Counts from now. `now` tells the time of the day. */
export function startLimits({ maxDuration, window }: Limits, now: () => Date = () => new Date()): Deadline {
  const controller = new AbortController();
  const started = performance.now();
  function look(): void {
    if (window !== undefined && !isWithin(window, window.timeZone, now())) {
      const { text, timeZone } = window;
      controller.abort(problem('OUT_OF_TIME', { limit: `limits.window is ${text} (${timeZone})` }));
    } else if (maxDuration !== undefined && performance.now() - started >= maxDuration.ms) {
      controller.abort(problem('OUT_OF_TIME', { limit: `limits.maxDuration is ${maxDuration.text}` }));
    }
    if (controller.signal.aborted) clearInterval(timer);
  }
  const timer = setInterval(look, lookEvery);
  timer.unref();
  look();
  return { signal: controller.signal, [Symbol.dispose]: () => clearInterval(timer) };
}
