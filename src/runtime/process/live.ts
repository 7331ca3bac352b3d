import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Ended, type Environment, run, startDetached } from '../../exec.ts';
import { endsWithin, pause } from '../../pause.ts';
import { shellQuote } from '../shell-quote.ts';
import type { Live } from './options.ts';
import { roomyDirectory } from './room.ts';
import { lastLines } from './workplace.ts';

export type Controlled = Exclude<Live, 'stopped'>;

interface Where {
  readonly cwd: string;
  readonly env: Environment;
}

/** The command that starts the live registry, for a person. */
export function byHand(live: Controlled, cwd: string): string {
  if ('unit' in live) return shellQuote(['systemctl', 'start', live.unit]);
  const relative = live.start.some(
    (word) => word.includes('/') && !word.startsWith('/') && !word.startsWith('-'),
  );
  return `${relative ? `cd ${shellQuote([cwd])} && ` : ''}${shellQuote(live.start)}`;
}

/** Runs the stop command to its end. What went wrong with it, or undefined; whether the registry stopped is another matter. */
export async function runStop(
  live: Controlled,
  where: Where,
  timeoutMs: number,
): Promise<string | undefined> {
  const [file, ...args] = 'unit' in live ? ['systemctl', 'stop', live.unit] : live.stop;
  return complaint([file ?? '', ...args], await run(file ?? '', args, { ...where, timeoutMs }));
}

/** `active`, `inactive`, `failed`, `activating`, `deactivating` … (systemctl(1)), or what it complains of. */
export async function unitState(unit: string, where: Where): Promise<string> {
  const { stdout, stderr } = await run('systemctl', ['is-active', unit], { ...where, timeoutMs: 10_000 });
  return stdout.trim() || stderr.trim();
}

/**
 * Makes systemd forget how often a unit was started of late: one that somebody started while the stand-in had its
 * address has failed so often that systemd starts it no more ("start request repeated too quickly").
 */
export async function forgetFailures(live: Controlled, where: Where): Promise<void> {
  // Fails where there is nothing to forget. What counts is whether the unit starts.
  if ('unit' in live) await run('systemctl', ['reset-failed', live.unit], { ...where, timeoutMs: 10_000 });
}

/** A start command that has put the registry in the background ends right after; one that is the registry does not. */
const lastWordsMs = 500;

/** What came of a start command: `again` if it must be run once more. */
export type Started = 'serves' | 'again' | readonly string[];

/**
 * Runs the start command and waits, until `deadline` (`performance.now()`), for what `look` sees. The command may put
 * the registry in the background or be the registry: it gets a session of its own and a file for its output. If it
 * fails, that is the end of it, unless `patient`.
 */
export async function runStart(
  live: Controlled,
  where: Where,
  options: {
    readonly deadline: number;
    readonly patient: boolean;
    readonly look: () => Promise<'serves' | 'again' | undefined>;
  },
): Promise<Started> {
  const command = startCommand(live);
  const [file = '', ...args] = command;
  const log = await logFor(live);
  const child = await startDetached(file, args, { ...where, log: log.path });
  let ended: Ended | undefined;
  void child.ended.then((result) => {
    ended = result;
  });
  const failed = () => ended !== undefined && ended.exitCode !== 0;
  try {
    for (;;) {
      const seen = await options.look();
      if (seen === 'serves') {
        await endsWithin(child.ended, lastWordsMs);
        return seen;
      }
      if (seen === 'again' && ended !== undefined) return seen;
      if (performance.now() > options.deadline || (failed() && !options.patient)) break;
      await pause(20);
    }
    const wrong = ended === undefined ? undefined : complaint(command, { ...ended, timedOut: false });
    return [wrong ?? `nothing answered in time after "${command.join(' ')}"`, ...(await lastLines(log.path))];
  } finally {
    // A command that still runs is the registry itself, and writes its log there for as long as it lives.
    if (ended !== undefined) await log.remove();
  }
}

function complaint(
  command: readonly string[],
  result: Ended & { readonly timedOut: boolean; readonly stderr?: string },
): string | undefined {
  if (result.exitCode === 0) return undefined;
  const how = result.timedOut
    ? 'did not end in time'
    : result.signal === undefined
      ? `exited with ${result.exitCode}`
      : `was ended by ${result.signal}`;
  const said = (result.stderr ?? '').trim().split('\n').at(-1) ?? '';
  return `"${command.join(' ')}" ${how}${said === '' ? '' : `: ${said}`}`;
}

/**
 * One file per start command, so that runs pile up no logs, each in a directory that nobody else can write to. A
 * directory for all of them would be removed by one run while another one opens its file there.
 */
async function logFor(live: Controlled) {
  const directory = await ownDirectory(startLogDirectory(live));
  const path = join(directory, 'log');
  await rm(path, { force: true });
  return {
    path,
    remove: async () => {
      await rm(path, { force: true });
      await rmdir(directory).catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code !== 'ENOTEMPTY' && thrown.code !== 'ENOENT') throw thrown;
      });
    },
  };
}

/** Where the log of its start command is. */
export function startLogDirectory(live: Controlled): string {
  const name = createHash('sha256').update(startCommand(live).join('\0')).digest('hex').slice(0, 12);
  return join(roomyDirectory(), `registry-cleanup-live-${userInfo().uid}-${name}`);
}

function startCommand(live: Controlled): readonly string[] {
  return 'unit' in live ? ['systemctl', 'start', live.unit] : live.start;
}

async function ownDirectory(path: string): Promise<string> {
  await mkdir(path, { mode: 0o700 }).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== 'EEXIST') throw thrown;
  });
  const stats = await lstat(path);
  const ours = stats.isDirectory() && stats.uid === userInfo().uid && (stats.mode & 0o022) === 0;
  return ours ? path : mkdtemp(`${path}-`);
}
