import { setTimeout as sleep } from 'node:timers/promises';
import { moment } from '../clocks.ts';
import { permitMemory, renew, revoke } from '../storage/permit.ts';
import type { Permit } from '../storage/storage.ts';
import type { Held } from './lock.ts';

/** How often lock and fence are looked at while threads remove, ms. */
const lookEvery = 30;
/** For how long a look counts, ms: as in lock.ts, and for the same reason. */
const freshFor = 100;
/**
 * Where a look itself takes longer, the disk of the lock being slow, it counts for twice as long, so that removing does
 * not stand still for ever; up to this, ms, far below the time after which others take a silent owner for dead.
 */
const freshAtMost = 1_000;

export interface PermitOptions {
  readonly held: Held;
  /** Revokes it at once, with its reason. */
  readonly signal: AbortSignal;
  /** Asked with every look; throws to revoke it (the fence no longer holds). */
  readonly stillSafe?: () => Promise<void>;
}

/** Renewed until it is closed, which revokes it. */
export interface KeptPermit extends Permit {
  close(): Promise<void>;
}

/**
 * Gives threads leave to remove as long as the lock is ours and the fence holds, looking again and again. What either
 * throws revokes it for good. `memory`: theirs, where they began before they were to have leave. Throws what the first
 * look does.
 */
export async function keepPermit(
  { held, signal, stillSafe }: PermitOptions,
  memory: SharedArrayBuffer = permitMemory(),
): Promise<KeptPermit> {
  const closed = new AbortController();
  let why: { readonly thrown: unknown } | undefined;
  function end(thrown: unknown): void {
    why ??= { thrown };
    revoke(memory);
    closed.abort();
  }
  async function look(): Promise<void> {
    await stillSafe?.();
    // From here on a pause makes it old: what was seen before one says nothing of the time after it.
    const seen = moment();
    await held.check();
    const took = moment().monotonic - seen.monotonic;
    if (why === undefined) renew(memory, seen, Math.min(Math.max(freshFor, 2 * took), freshAtMost));
  }
  signal.throwIfAborted();
  await look();
  const interrupted = (): void => end(signal.reason);
  signal.addEventListener('abort', interrupted, { signal: closed.signal });
  if (signal.aborted) interrupted();
  const looking = (async () => {
    while (why === undefined) {
      await sleep(lookEvery, undefined, { signal: closed.signal });
      await look();
    }
  })().catch(end);
  return {
    memory,
    check() {
      if (why !== undefined) throw why.thrown;
    },
    async close() {
      end(new Error('nothing is removed any more'));
      await looking;
    },
  };
}
