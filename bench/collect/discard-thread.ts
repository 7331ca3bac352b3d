import { rmSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

for (const path of workerData as readonly string[]) rmSync(path, { recursive: true });
