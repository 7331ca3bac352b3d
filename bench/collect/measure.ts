import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What a command took: the whole of its process, and of the children that it waited for. */
export interface Measured {
  /** Seconds by the clock. */
  readonly wall: number;
  /** Seconds of the processor, user and system, of all threads and children. */
  readonly cpu: number;
  /** Bytes: the most memory that it, or the largest of its children, had resident at once. */
  readonly peak: number;
}

export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Surroundings {
  /** A directory for small files. */
  readonly scratch: string;
  /** Ends the command, and all that it started, with SIGTERM. */
  readonly signal?: AbortSignal;
}

const time = '/usr/bin/time';

/**
 * Runs a command to its end under GNU time, which forks it from a small process: the peak of a child of ours would
 * begin with our own memory. Throws with the end of its stderr when it fails. `output`: a file for its stdout,
 * otherwise it goes nowhere.
 */
export async function measure(
  command: Command,
  { scratch, signal }: Surroundings,
  output?: string,
): Promise<Measured> {
  signal?.throwIfAborted();
  const figures = join(scratch, 'time');
  const errors = join(scratch, 'stderr');
  const stdout = output === undefined ? undefined : openSync(output, 'w');
  const stderr = openSync(errors, 'w');
  const began = performance.now();
  const child = spawn(time, ['-q', '-f', '%U %S %M', '-o', figures, '--', ...command.argv], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', ...command.env },
    stdio: ['ignore', stdout ?? 'ignore', stderr],
    // A group of its own, which a signal reaches whole.
    detached: true,
  });
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  signal?.addEventListener('abort', end);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('exit', resolve);
  const code = await promise.finally(() => {
    signal?.removeEventListener('abort', end);
    if (stdout !== undefined) closeSync(stdout);
    closeSync(stderr);
  });
  const wall = (performance.now() - began) / 1000;
  signal?.throwIfAborted();
  if (code !== 0) {
    const said = `${readFileSync(errors, 'utf8').slice(-2_000)}${output === undefined ? '' : readFileSync(output, 'utf8').slice(-2_000)}`;
    throw new Error(`${command.argv.join(' ')} ended with ${code}:\n${said}`);
  }
  const [user = 0, system = 0, kilobytes = 0] = readFileSync(figures, 'utf8').split(' ').map(Number);
  for (const file of [figures, errors]) rmSync(file);
  return { wall, cpu: user + system, peak: kilobytes * 1024 };
}
