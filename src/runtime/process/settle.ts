import { fail } from '../../errors.ts';
import { pause } from '../../pause.ts';
import { findIntruder, type Ground } from './ground.ts';

/**
 * Whoever supervises a registry and was not told that it shall stop starts it again at once, or soon. For so long we
 * look out for that; `breach` tells of what comes later.
 */
export const settleMs = 300;

/** How often: where nothing else is done meanwhile, and where something is. One that starts lives longer than that, ms. */
const lookEvery = { alone: 10, beside: 50 } as const;

/**
 * Looks once, and again until `forMs` are over. `likely`: as in `findIntruder`, of a stand-in that serves by now, beside
 * which the run goes on. Throws FENCE_FAILED at the first sight of an intruder.
 */
export async function settled(
  ground: Ground,
  runId: string,
  forMs: number,
  signal: AbortSignal,
  likely?: number,
): Promise<void> {
  const until = performance.now() + forMs;
  for (;;) {
    const intruder = await findIntruder(ground, runId, likely);
    if (intruder !== undefined) {
      fail('FENCE_FAILED', {
        reason: `${intruder}, although the live registry is stopped`,
        hint: 'If something supervises the registry, registry.live must tell that to stop it.',
      });
    }
    if (performance.now() >= until) return;
    await pause(likely === undefined ? lookEvery.alone : lookEvery.beside, signal);
  }
}
