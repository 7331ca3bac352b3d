import { lookAtManifests } from './contents.ts';
import { type Look, lookAtLeaves } from './leaves.ts';
import { lookAtRepository, lookAtTag } from './repository.ts';
import type { Task } from './task.ts';

/** Does one task, in whatever thread. */
export function perform(look: Look, task: Task): void {
  if (task.kind === 'repository') lookAtRepository(look, task);
  else if (task.kind === 'leaves') lookAtLeaves(look, task);
  else if (task.kind === 'manifests') lookAtManifests(look, task);
  else for (const tag of task.names) lookAtTag(look, task, task.directory, tag);
}
