import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Pushed } from './push.ts';

/** One manifest and one blob, asked for; times are ms of the system's monotonic clock. */
export interface Attempt {
  readonly start: number;
  readonly end: number;
  readonly ok: boolean;
}

export interface Pulling extends AsyncDisposable {
  /** Ends the client; what it saw. */
  stop(): Promise<readonly Attempt[]>;
}

/** A client in a process of its own that pulls `image` every few milliseconds. It has begun when this returns. */
export async function pull(url: string, repository: string, image: Pushed): Promise<Pulling> {
  const [blob = ''] = image.blobs;
  const program = join(import.meta.dirname, 'pull-loop.ts');
  const child = spawn(process.execPath, [program, url, repository, image.digest, blob], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH },
  });
  const exit = once(child, 'close');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const end = async () => {
    child.stdin.end();
    await exit;
  };
  while (!text.startsWith('ready\n') && child.exitCode === null) await once(child.stdout, 'data');
  return {
    async stop() {
      await end();
      const seen = JSON.parse(text.slice('ready\n'.length)) as [number, number, number][];
      return seen.map(([start, end, ok]) => ({ start, end, ok: ok === 1 }));
    },
    [Symbol.asyncDispose]: end,
  };
}

/**
 * How long pulls failed, in seconds, all stretches added up. Of each the time from the first failure's end to the last
 * one's begin counts, which is what the client can swear to; the rest is the grain of its asking.
 */
export function outageOf(attempts: readonly Attempt[]): number {
  let outage = 0;
  let first: Attempt | undefined;
  let last: Attempt | undefined;
  const count = () => {
    if (first !== undefined && last !== undefined) outage += Math.max(0, last.start - first.end);
  };
  for (const attempt of attempts) {
    if (!attempt.ok) {
      first ??= attempt;
      last = attempt;
      continue;
    }
    count();
    first = undefined;
  }
  if (first !== undefined) count();
  return outage / 1000;
}
