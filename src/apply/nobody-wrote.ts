import type { Inventory } from '../inventory/inventory.ts';
import { readReferences } from '../inventory/read.ts';
import type { Threads } from '../inventory/threads.ts';
import type { Plan } from '../plan/plan.ts';
import type { Reader } from '../storage/storage.ts';
import { failLate, findLate, findLateContent, type Late, type Line, tellLate } from './late.ts';
import { verifyReferences, verifyStorage } from './verify.ts';
import { verifyReopened } from './verify-reopened.ts';

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
    only,
    closely,
    thorough,
    threads,
  }: {
    readonly since: Since;
    readonly signal: AbortSignal;
    /** Names of repositories, the only ones that are looked at. Left out: all. */
    readonly only?: ReadonlySet<string>;
    /** As in `ReadOptions`. */
    readonly closely?: ReadonlySet<string>;
    /** As the look was that `plan` was made from: what that did not look for has not come since. */
    readonly thorough?: boolean;
    readonly threads?: Threads;
  },
): Promise<void> {
  const { inventory: known } = plan.kept;
  const now = await readReferences(reader, { known, only, closely, signal, thorough, threads });
  const locate = (key: string): string => reader.locate(key);
  const late = findLate(known, now, { since, behind: true });
  if (late.length > 0) failLate(late, locate);
  verifyReferences(plan, now, locate, only);
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
  const verify = () => verifyStorage(plan, after, locate, new Set(late.map(({ key }) => key)));
  return heedLate(late, locate, onLate, verify);
}

/**
 * As `verifyClosed`, of what was read whole once the registry was open again. `until`: the storage's clock when it was
 * about to be opened; undefined: nobody can tell, and nobody is told to have written. Throws VERIFY_FAILED, FENCE_FAILED.
 */
export function verifyOpened(
  plan: Plan,
  after: Inventory,
  reader: Reader,
  line: {
    readonly since: Since;
    readonly until: number | undefined;
    readonly onLate: (text: string) => void;
  },
): { readonly manifests: number } {
  const { since, until, onLate } = line;
  const locate = (key: string): string => reader.locate(key);
  const { inventory } = plan.kept;
  const late: Late[] = [];
  if (until !== undefined) {
    const closed = { since, until, behind: false };
    late.push(...findLate(inventory, after, closed), ...findLateContent(inventory, after, closed));
  }
  const keys = new Set(late.map(({ key }) => key));
  return heedLate(late, locate, onLate, () => verifyReopened(plan, after, locate, keys));
}

/** What `verify` says, where nobody wrote: who did is told beside a loss, and is a failure of its own. */
function heedLate<T>(
  late: readonly Late[],
  locate: (key: string) => string,
  onLate: (text: string) => void,
  verify: () => T,
): T {
  let verified: T;
  try {
    verified = verify();
  } catch (error) {
    for (const text of tellLate(late, locate)) onLate(text);
    throw error;
  }
  return late.length === 0 ? verified : failLate(late, locate, hint);
}

const hint =
  'Nothing that was there before is lost. What was pushed meanwhile may lack layers: push it again. Something writes ' +
  'there beside the registry that was stopped: find it.';
