import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

for (const directory of workerData as readonly string[]) warm(directory);

function warm(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) warm(path);
    // Layers and configs are holes, which take no block, and nobody reads them.
    else if (lstatSync(path).blocks > 0) readFileSync(path);
  }
}
