import { setTimeout as sleep } from 'node:timers/promises';
import { moment, since } from '../clocks.ts';
import { CleanupError, reasonOf } from '../errors.ts';
import type { State } from '../storage/storage.ts';
import { type Owner, ownerText, parseOwner } from './owner.ts';

/** The heartbeat in our lock, by which runs that cannot see our process know that it lives. */
export interface Heartbeat {
  /** Beats now, beside the usual beats, and waits for it at most so long, ms. Whether that was written. */
  beat(forAtMost: number): Promise<boolean>;
  /** Reads the lock. False when it is not ours any more: from then on it never is again. */
  look(): Promise<boolean>;
  /** For how long nobody can have seen it beat, ms; for ever the same once the lock is lost. */
  silence(): number;
  /** Why the last beat could not be written; undefined when it could. */
  readonly trouble: string | undefined;
  /** Stops it for good, and returns when no beat is under way. */
  stop(): Promise<void>;
}

/** A beat of a lock whose text was not known for sure is written anew. */
const attempts = 2;

/** Starts to beat. `first`: what the lock, just taken, says. */
export function startHeartbeat(
  state: State,
  lock: { readonly file: string; readonly me: Owner; readonly first: string },
  every: number,
): Heartbeat {
  const { file, me } = lock;
  let text = lock.first;
  let beats = 0;
  let last = moment();
  let trouble: string | undefined;
  let lostAfter: number | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  let pending = 0;

  /** What the lock says, if it is ours. */
  async function read(): Promise<string | undefined> {
    if (lostAfter !== undefined) return undefined;
    const now = await state.read(file);
    if (now !== undefined && parseOwner(now.text)?.run === me.run) return now.text;
    lostAfter ??= since(last);
    return undefined;
  }

  async function pulse(): Promise<boolean> {
    for (let attempt = 0; attempt < attempts && lostAfter === undefined; attempt++) {
      const began = moment();
      const next = ownerText({ ...me, beat: ++beats, at: new Date().toISOString() });
      try {
        if (await state.replaceIf(file, text, next)) {
          // Nobody saw it earlier than it was begun; a pause of ours in the middle must not look like a beat.
          last = began;
          text = next;
          trouble = undefined;
          return true;
        }
        // Ours all the same after a beat that failed half way: written, and not known to be durable.
        text = (await read()) ?? text;
      } catch (error) {
        trouble = error instanceof CleanupError ? error.message.replace(/\.$/, '') : reasonOf(error);
        return false;
      }
    }
    return false;
  }

  function next(): Promise<boolean> {
    pending++;
    const written = underWay.then(pulse).finally(() => pending--);
    underWay = written;
    return written;
  }

  // A disk that hangs for an hour must not be met by an hour's beats at once.
  const timer = setInterval(() => {
    if (pending === 0) void next();
  }, every);
  timer.unref();
  return {
    look: async () => (await read()) !== undefined,
    get trouble() {
      return trouble;
    },
    silence: () => lostAfter ?? since(last),
    async beat(forAtMost) {
      const enough = new AbortController();
      const late = sleep(forAtMost, false, { signal: enough.signal }).catch(() => false);
      return Promise.race([next(), late]).finally(() => enough.abort());
    },
    async stop() {
      clearInterval(timer);
      await underWay;
    },
  };
}
