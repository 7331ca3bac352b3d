import type { ChildProcess } from 'node:child_process';
import { constants as files } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { problem, reasonOf } from './errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ExecOptions {
  readonly cwd: string;
  /** The whole environment of the child; nothing is added to it. */
  readonly env: Environment;
}

/** How a process ended: exactly one of the two is defined. */
export interface Ended {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

export interface Child {
  readonly pid: number;
  /** Settles when the process has ended and its output was handed over. Rejects only if `onLine` threw. */
  readonly ended: Promise<Ended>;
}

export type Stream = 'stdout' | 'stderr';

/** A longer line is cut here; the rest of it is dropped up to the next newline. In UTF-16 units. */
const longestLine = 64 * 1024;
/** After the end of a process: looks at a pipe that stays open (a descendant holds it), and the time between them. */
const lingerLooks = 10;
const lingerMs = 50;

/**
 * Runs a command to its end. Of each stream the last `tailBytes` are kept, so that a chatty command fills no memory.
 * Ended by SIGKILL after `timeoutMs`. Rejects with COMMAND_FAILED only if it cannot be started.
 */
export async function run(
  file: string,
  args: readonly string[],
  options: ExecOptions & { readonly timeoutMs: number; readonly tailBytes?: number },
): Promise<Ended & { readonly stdout: string; readonly stderr: string; readonly timedOut: boolean }> {
  const tail = { stdout: '', stderr: '' };
  const limit = options.tailBytes ?? longestLine;
  const child = await startLines(file, args, {
    ...options,
    onLine: (line, stream) => {
      tail[stream] = `${tail[stream]}${line}\n`.slice(-limit);
    },
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    signalGroup(child.pid, 'SIGKILL');
  }, options.timeoutMs);
  try {
    return { ...(await child.ended), ...tail, timedOut };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Starts a command in a process group of its own and hands over its output line by line, as it comes. Reading waits
 * for `onLine`, so a fast child is held back by its pipe. Rejects with COMMAND_FAILED if it cannot be started.
 */
export async function startLines(
  file: string,
  args: readonly string[],
  options: ExecOptions & { readonly onLine: (line: string, stream: Stream) => void },
): Promise<Child> {
  const subprocess = execa(file, args, {
    ...common(options),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const exit = exitOf(subprocess.nodeChildProcess);
  const pid = await pidOf(subprocess, file, args);
  let received = 0;
  const take = (stream: Stream) => (line: string) => {
    received += 1;
    options.onLine(line, stream);
  };
  const streams = [subprocess.stdout, subprocess.stderr];
  const read = Promise.all([
    eachLine(subprocess.stdout, take('stdout')),
    eachLine(subprocess.stderr, take('stderr')),
  ]);
  let reading = true;
  const closed = () => {
    reading = false;
  };
  read.then(closed, () => {
    closed();
    // `onLine` threw: nobody wants the rest. It is told when the child is gone.
    signalGroup(pid, 'SIGKILL');
  });
  const ended = exit.then(async (result) => {
    // Counted in turns of the event loop, not by the clock: a busy loop must not lose the last lines of a pipe.
    try {
      for (let quiet = 0, seen = received; reading && quiet < lingerLooks; quiet += 1) {
        await Promise.race([read, sleep(lingerMs)]);
        if (received > seen) quiet = 0;
        seen = received;
      }
    } finally {
      for (const stream of streams) stream.destroy();
    }
    await read;
    return result;
  });
  // Whoever waits sees the rejection; this keeps it from ending the program before they do.
  ended.catch(() => undefined);
  return { pid, ended };
}

/**
 * Starts a command in a session of its own, which outlives us. Its output goes to the file `log` (created 0600,
 * appended to), because a pipe would break under it when we end. Rejects with COMMAND_FAILED if it cannot be started.
 */
export async function startDetached(
  file: string,
  args: readonly string[],
  options: ExecOptions & { readonly log: string },
): Promise<Child> {
  const flags = files.O_WRONLY | files.O_CREAT | files.O_APPEND | files.O_NOFOLLOW;
  const log = await open(options.log, flags, 0o600);
  try {
    // The child inherits the descriptor itself.
    const output = log.createWriteStream({ autoClose: false });
    const subprocess = execa(file, args, {
      ...common(options),
      stdin: 'ignore',
      stdout: output,
      stderr: output,
    });
    const ended = exitOf(subprocess.nodeChildProcess);
    const pid = await pidOf(subprocess, file, args);
    subprocess.nodeChildProcess.unref();
    return { pid, ended };
  } finally {
    await log.close();
  }
}

/** Signals the process group that `pid` leads. False if there is none any more. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw thrown;
  }
}

function common(options: ExecOptions) {
  return {
    cwd: options.cwd,
    env: options.env,
    extendEnv: false,
    buffer: false,
    reject: false,
    // A group of its own: a Ctrl-C in the terminal reaches us alone, and we decide what ends when.
    detached: true,
  } as const;
}

function exitOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve({ exitCode: code ?? undefined, signal: signal ?? undefined }),
    );
  });
}

async function pidOf(
  subprocess: PromiseLike<{ readonly cause?: unknown }> & { readonly pid?: number },
  file: string,
  args: readonly string[],
): Promise<number> {
  if (subprocess.pid !== undefined) return subprocess.pid;
  const { cause } = await subprocess;
  throw problem('COMMAND_FAILED', { command: [file, ...args].join(' '), reason: reasonOf(cause) }, cause);
}

async function eachLine(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string) => {
    const lines = text.split('\n');
    const last = lines.pop() ?? '';
    for (const [index, line] of lines.entries())
      onLine((index === 0 ? rest + line : line).slice(0, longestLine));
    rest = (lines.length === 0 ? rest + last : last).slice(0, longestLine);
  };
  try {
    for await (const chunk of stream) take(decoder.write(chunk as Buffer));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw thrown;
  }
  take(decoder.end());
  if (rest !== '') onLine(rest);
}
