import { CleanupError } from '../errors.ts';

/** The cause of an ENGINE_ANSWERED that says no more than that the engine is not there, or about to go. */
export class EngineAway extends Error {}

/**
 * What an engine says while it goes down or comes up: its own daemon below it is gone (`containerd`, over gRPC), or its
 * context is (moby, `daemon/…`).
 */
const going =
  /code = (Unavailable|Canceled)|transport is closing|context canceled|containerd\.sock|shutting down/i;

/** Whether an answer tells that the engine is away: what stands in front of it does not reach it, or it is going. */
export function tellsAway(status: number, reason: string): boolean {
  return [502, 503, 504].includes(status) || (status === 500 && going.test(reason));
}

/** Whether `thrown`, or what caused it, says that the engine did not answer: it may be back in a moment. */
export function isAway(thrown: unknown): boolean {
  if (thrown instanceof EngineAway) return true;
  if (!(thrown instanceof CleanupError)) return false;
  return thrown.code === 'ENGINE_UNREACHABLE' || isAway(thrown.cause);
}
