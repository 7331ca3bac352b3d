import { problem } from '../../src/errors.ts';
import type { Held } from '../../src/pipeline/lock.ts';

/** A lock that nobody else wants. `lostFrom`: which look at it, from 1, finds that another run has taken over. */
export function heldLock({ lostFrom = Number.POSITIVE_INFINITY } = {}): Held & { readonly looks: number } {
  let looks = 0;
  const lock = {
    run: '20260115T120000-0badcafe',
    takenAt: 0,
    contended: false,
    get looks() {
      return looks;
    },
    async check() {
      if (++looks >= lostFrom) throw problem('LOCK_LOST', { path: '/lock' });
    },
    stillOurs: async () => {
      if (looks >= lostFrom) throw problem('LOCK_LOST', { path: '/lock' });
    },
    takenOver: async () => looks >= lostFrom,
    release: async () => {},
  };
  return lock as typeof lock & Held;
}
