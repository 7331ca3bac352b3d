import { Worker } from 'node:worker_threads';

/**
 * A thread that runs the file `script` (its URL as a `.ts`: of a build, what that became), and gets `data`.
 * `young`: MiB for its young generation, which of the usual size would be most of what a thread takes.
 */
export function startThread(script: URL, data: unknown, young: number): Worker {
  const url = new URL(script);
  if (import.meta.url.endsWith('.js')) url.pathname = url.pathname.replace(/ts$/, 'js');
  return new Worker(url, {
    workerData: data,
    execArgv: profiling(),
    resourceLimits: { maxYoungGenerationSizeMb: young },
  });
}

/** What the program itself was started with may make no sense in a thread (`--eval`, a loader). */
function profiling(): string[] {
  return process.execArgv.filter((argument) => /^--cpu-prof(?:-\w+=.*)?$/.test(argument));
}
