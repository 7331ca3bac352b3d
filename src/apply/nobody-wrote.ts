import type { Inventory } from '../inventory/inventory.ts';
import { readReferences } from '../inventory/read.ts';
import type { Plan } from '../plan/plan.ts';
import type { Reader } from '../storage/storage.ts';
import { failLate, findLate, findLateContent, type Line, tellLate } from './late.ts';
import { verifyReferences, verifyStorage } from './verify.ts';

type Since = Line['since'];

/** The look behind the fence, compared with the one that was taken while the registry was live. Throws FENCE_FAILED. */
export function nobodyWroteBefore(first: Inventory, second: Inventory, since: Since, reader: Reader): void {
  const late = findLate(first, second, { since, behind: false });
  if (late.length > 0) failLate(late, (key) => reader.locate(key));
}

/**
 * Looks at every tag, revision and upload once more, right before the collector sweeps what they do not keep. Layer links
 * are left out, as in the look behind the fence: they are most of what there is, and decide nothing about blobs. Throws
 * FENCE_FAILED, and VERIFY_FAILED when something is gone that stays: its blobs are there yet.
 */
export async function nobodyWroteSince(
  plan: Plan,
  reader: Reader,
  {
    since,
    signal,
    thorough,
  }: {
    readonly since: Since;
    readonly signal: AbortSignal;
    /** As the look was that `plan` was made from: what that did not look for has not come since. */
    readonly thorough?: boolean;
  },
): Promise<void> {
  const { inventory: known } = plan.kept;
  const now = await readReferences(reader, { known, signal, thorough });
  const locate = (key: string): string => reader.locate(key);
  const late = findLate(known, now, { since, behind: true });
  if (late.length > 0) failLate(late, locate);
  verifyReferences(plan, now, locate);
}

/**
 * Verifies what stays in `after`, which was read whole, and that nobody wrote behind the fence. A loss is what must be
 * heard: then who wrote is told to `onLate`. Throws VERIFY_FAILED, FENCE_FAILED.
 */
export function verifyClosed(
  plan: Plan,
  after: Inventory,
  reader: Reader,
  { since, onLate }: { readonly since: Since; readonly onLate: (text: string) => void },
): { readonly manifests: number } {
  const locate = (key: string): string => reader.locate(key);
  const { inventory } = plan.kept;
  const line = { since, behind: true };
  const late = [...findLate(inventory, after, line), ...findLateContent(inventory, after, line)];
  try {
    const verified = verifyStorage(plan, after, locate, new Set(late.map(({ key }) => key)));
    if (late.length === 0) return verified;
  } catch (error) {
    for (const text of tellLate(late, locate)) onLate(text);
    throw error;
  }
  return failLate(late, locate, hint);
}

const hint =
  'Nothing that was there before is lost. What was pushed meanwhile may lack layers: push it again. Something writes ' +
  'there beside the registry that was stopped: find it.';
