import { setImmediate as turn } from 'node:timers/promises';

/** Longest time, in ms, for which synchronous calls keep timers, signals and sockets waiting. */
const longest = 10;

/**
 * Gives the event loop a turn once synchronous calls have kept it for long. Synchronous calls on small files are
 * several times faster than asynchronous ones; but a caller that reads a hundred thousand of them in a row would
 * otherwise hear no Ctrl-C and beat no heartbeat.
 */
export function makeBreath(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < longest) return undefined;
    return turn().then(() => {
      since = performance.now();
    });
  };
}
