import { readFileSync } from 'node:fs';
import { onThreads } from './on-threads.ts';

/*
 * The floor: a bare unlink and rmdir of files and the directories that hold them, on two threads, no question asked.
 * node floor.ts ROOT FILE…, where each FILE holds keys below ROOT, one a line. Prints the seconds that it took as JSON.
 */
const [root = '', ...lists] = process.argv.slice(2);
const paths = lists.flatMap((list) =>
  readFileSync(list, 'utf8')
    .split('\n')
    .filter((key) => key !== '')
    .map((key) => `${root}/${key}`),
);
const began = performance.now();
await onThreads(new URL('./floor-thread.ts', import.meta.url), paths);
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - began) / 1000 })}\n`);
