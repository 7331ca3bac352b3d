import type { Client } from '../registry/client.ts';
import type { CleanOptions } from './clean.ts';
import { withClient } from './maintain.ts';
import { openClient } from './session.ts';

/** Tags that are asked for over the API at the end, and how long that may take, ms. */
export const liveLimits = { limit: 500, forAtMost: 20_000 } as const;

/** Runs `work` with a client of the live registry; with none where it does not run, or wants credentials that we have not. */
export async function withLive<T>(
  { config, runtime, state, hasAuth }: CleanOptions,
  signal: AbortSignal,
  work: (client: Client | undefined) => Promise<T>,
): Promise<T> {
  const asks = state.live === 'running' && (state.auth === 'none' || hasAuth);
  if (!asks) return work(undefined);
  return withClient(openClient(config, await runtime.reachLive(state), signal), work);
}
