import { fail } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import { keyOf } from '../registry/layout.ts';
import type { Collection } from './collector.ts';

const shown = 20;

/**
 * Compares the collector's dry run with the plan: it must sweep nothing that stays, and must mark every manifest that
 * stays (one that it passes over takes its layers with it). Throws REHEARSAL_DISAGREES otherwise.
 */
export function compareRehearsal(plan: Plan, rehearsal: Collection): void {
  const { inventory, manifests, marked } = plan.kept;
  const reasons: string[] = [];
  rehearsal.sweeps.forEach((sweeps, id) => {
    if (sweeps === 1 && marked[id] === 1) {
      reasons.push(
        `${keyOf.blob(inventory.digest(id))}: it would be swept, but a manifest that stays needs it`,
      );
    }
  });
  for (const repository of inventory.repositories) {
    for (const id of manifests[repository.index]?.keys() ?? []) {
      const digest = inventory.digest(id);
      const key = keyOf.revision(repository.name, digest);
      if (rehearsal.manifests.has(`${repository.name} ${digest}`)) {
        reasons.push(`${key}: it would be deleted, but it stays`);
      } else if (
        inventory.manifest(id)?.state === 'ok' &&
        !rehearsal.marked.has(`${repository.name} ${id}`)
      ) {
        reasons.push(`${key}: the collector does not see it`);
      }
    }
  }
  if (reasons.length === 0) return;
  const more = reasons.length > shown ? [`… and ${reasons.length - shown} more`] : [];
  fail('REHEARSAL_DISAGREES', { reasons: [...reasons.slice(0, shown), ...more] });
}
