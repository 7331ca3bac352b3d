import { counted, seconds } from '../../format.ts';
import type { Inventory } from '../../inventory/inventory.ts';
import type { Sheet } from './sheet.ts';

/** What clocks may differ, ms: a header tells whole seconds, and an answer takes its time. */
const slackMs = 60_000;

/** Compares our clock with the registry's (`ahead`, ms) and with the times of the storage. Nothing is written for it. */
export async function compareClocks(
  ahead: number | undefined,
  inventory: Inventory | undefined,
  sheet: Sheet,
): Promise<void> {
  await sheet.check('clocks', (notes) => {
    if (ahead === undefined && inventory === undefined) return notes.skip('there is nothing to compare with');
    notes.seen('they agree');
    if (ahead !== undefined && Math.abs(ahead) > slackMs) {
      const apart = seconds(Math.abs(ahead) / 1000);
      notes.seen('');
      notes.notice(
        `The registry's clock is ${apart} ${ahead > 0 ? 'ahead of' : 'behind'} ours. Times in its log and in reports do not fit together.`,
        ['Let both machines keep the time (NTP).'],
      );
    }
    const early = inventory === undefined ? 0 : countFuture(inventory, Date.now() + slackMs);
    if (early > 0) {
      notes.seen('');
      notes.notice(
        `${counted(early, 'link')} in the storage have a time in the future, by the clock of this machine: what they hold counts as young and stays until then.`,
        ['Let the machine that the storage is on, and this one, keep the time (NTP).'],
      );
    }
  });
}

function countFuture(inventory: Inventory, limit: number): number {
  let early = 0;
  const look = (modified: number | undefined): void => {
    if (modified !== undefined && modified > limit) early++;
  };
  for (const repository of inventory.repositories) {
    for (const { modified } of repository.tags) look(modified);
    inventory.eachRevision(repository, (_, modified) => look(modified));
  }
  return early;
}
