import { createHash } from 'node:crypto';
import type { Inventory } from '../inventory/inventory.ts';

/** Of every reference that a decision rests on: tags and revisions. The same for the same references, however they were read. */
export function fingerprint(inventory: Inventory): string {
  const hash = createHash('sha256');
  const names = inventory.repositories.map((repository) => repository.name).sort();
  for (const name of names) {
    const repository = inventory.repository(name);
    if (repository === undefined) continue;
    const lines = repository.tags.map((tag) => `t ${tag.name} ${inventory.digest(tag.target)}`);
    inventory.eachRevision(repository, (id) => lines.push(`r ${inventory.digest(id)}`));
    hash.update(`${JSON.stringify(name)}\n${lines.sort().join('\n')}\n`);
  }
  return `sha256:${hash.digest('hex')}`;
}
