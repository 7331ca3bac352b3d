import { rmdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { workerData } from 'node:worker_threads';

for (const path of workerData as readonly string[]) {
  unlinkSync(path);
  rmdirSync(dirname(path));
}
