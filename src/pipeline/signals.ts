import { problem } from '../errors.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interruption extends Disposable {
  /** Aborted, with the catalogue's INTERRUPTED as its reason, by the first signal. */
  readonly signal: AbortSignal;
}

/**
 * Turns the process's signals into one abort. Further signals change nothing: the undo that is under way by then is
 * what whoever sends them needs most. `onRepeat` may tell them so.
 */
export function listenForSignals(onRepeat: () => void = () => {}): Interruption {
  const controller = new AbortController();
  const handlers = signals.map((signal) => {
    const handler = (): void => {
      if (controller.signal.aborted) onRepeat();
      else controller.abort(problem('INTERRUPTED', { signal }));
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const off of handlers) off();
    },
  };
}
