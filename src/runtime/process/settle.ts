import { fail } from '../../errors.ts';
import { pause } from '../../pause.ts';
import { findForeignRegistry, findIntruder, type Ground } from './ground.ts';
import { listenersOn } from './listeners.ts';

/**
 * Whoever supervises a registry and was not told that it shall stop starts it again at once, or soon. For so long we
 * look out for that; `breach` tells of what comes later.
 */
export const settleMs = 300;

/** How often: where nothing else is done meanwhile, and where something is. One that starts lives longer than that, ms. */
const lookEvery = { alone: 10, beside: 50 } as const;

/**
 * Looks once, and again until `forMs` are over. `standIn`: it serves by now and the run goes on beside; while it listens
 * nobody else can, so that only at the end it is looked who does. Throws FENCE_FAILED at the first sight of an intruder.
 */
export async function settled(
  ground: Ground,
  runId: string,
  forMs: number,
  signal: AbortSignal,
  standIn?: number,
): Promise<void> {
  const until = performance.now() + forMs;
  for (;;) {
    const isLast = performance.now() >= until;
    const intruder =
      standIn === undefined || isLast
        ? await findIntruder(ground, runId, await listenersOn(ground.address, standIn))
        : await findForeignRegistry(ground, runId);
    if (intruder !== undefined) {
      fail('FENCE_FAILED', {
        reason: `${intruder}, although the live registry is stopped`,
        hint: 'If something supervises the registry, registry.live must tell that to stop it.',
      });
    }
    if (isLast) return;
    await pause(standIn === undefined ? lookEvery.alone : lookEvery.beside, signal);
  }
}
