import { parentOf } from '../key.ts';

/** Files that one thread removes before it takes the next: few enough that nobody waits long for the last of them. */
const taskSize = 256;

/** `group`: the directory around the directories that its files lie in, when all of them have the same. */
export interface Share {
  readonly group: string | undefined;
  readonly keys: readonly string[];
}

/**
 * Keys of files, each once, as shares for threads. A registry's files lie alone in directories of their own, and removing
 * those locks the directory around them: what has that in common goes together.
 */
export function shares(keys: Iterable<string>): Share[] {
  const groups = new Map<string, string[]>();
  for (const key of new Set(keys)) {
    if (key.endsWith('/')) throw new Error(`a directory is not removed by threads: ${key}`);
    const around = parentOf(parentOf(key));
    const group = groups.get(around);
    if (group === undefined) groups.set(around, [key]);
    else group.push(key);
  }
  const made: Share[] = [];
  let mixed: string[] = [];
  for (const [group, all] of groups) {
    let at = 0;
    for (; all.length - at >= taskSize; at += taskSize)
      made.push({ group, keys: all.slice(at, at + taskSize) });
    // The rest of one goes with the rest of others, whole where it fits.
    const rest = all.slice(at);
    if (mixed.length + rest.length > taskSize) {
      made.push({ group: undefined, keys: mixed });
      mixed = [];
    }
    mixed = mixed.concat(rest);
  }
  if (mixed.length > 0) made.push({ group: undefined, keys: mixed });
  return made;
}
