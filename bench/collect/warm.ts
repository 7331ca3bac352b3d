import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { onThreads } from './on-threads.ts';

/** Has the kernel know all that anybody here asks for: every directory and inode, every link and manifest. */
export async function warm(root: string): Promise<void> {
  const v2 = join(root, 'docker/registry/v2');
  const below = (directory: string): string[] => readdirSync(directory).map((name) => join(directory, name));
  const all = [...below(join(v2, 'blobs/sha256')), ...below(join(v2, 'repositories')).flatMap(below)];
  // Taken in turns: what lies together is not one thread's.
  const dealt = [...all.filter((_, at) => at % 2 === 0), ...all.filter((_, at) => at % 2 === 1)];
  await onThreads(new URL('./warm-thread.ts', import.meta.url), dealt);
}
