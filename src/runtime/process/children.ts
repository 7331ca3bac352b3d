import { problem } from '../../errors.ts';
import { pause } from '../../pause.ts';
import {
  argumentsOf,
  isAlive,
  type ProcessIdentity,
  pids,
  statusOf,
  stillAlive,
  waitUntilGone,
} from './processes.ts';
import { runOfArgument } from './workplace.ts';

export interface ChildProcess extends ProcessIdentity {
  readonly argv: readonly string[];
  readonly run: string;
}

/**
 * Every process of any run of ours, by its arguments: `serve` or `garbage-collect`, and a generated config.yml. `among`:
 * the only ones that are looked at.
 */
export async function children(among?: readonly number[]): Promise<readonly ChildProcess[]> {
  const found = await Promise.all(
    (among ?? (await pids())).map(async (pid): Promise<ChildProcess | undefined> => {
      const argv = argumentsOf(pid) ?? [];
      if (!argv.includes('serve') && !argv.includes('garbage-collect')) return undefined;
      const run = argv.map(runOfArgument).find((id) => id !== undefined);
      const status = run === undefined ? undefined : await statusOf(pid);
      return run === undefined || status === undefined
        ? undefined
        : { pid, startTicks: status.startTicks, argv, run };
    }),
  );
  return found.filter((child) => child !== undefined);
}

/** Those whose configuration lies in `directory`, which belongs to one child alone. */
export async function childrenIn(
  directory: string,
  among?: readonly number[],
): Promise<readonly ChildProcess[]> {
  return (await children(among)).filter(({ argv }) => argv.some((word) => word.startsWith(`${directory}/`)));
}

/**
 * Whoever is in the session that `leader` began, which we started: a script around the registry may give it other
 * arguments than ours. Empty when that number is another process's by now.
 */
export async function sessionOf(leader: ProcessIdentity): Promise<readonly ProcessIdentity[]> {
  const all = await Promise.all((await pids()).map(statusOf));
  const members = all
    .filter((status) => status?.session === leader.pid)
    .filter((status) => status !== undefined);
  const now = members.find(({ pid }) => pid === leader.pid);
  if (now !== undefined && now.startTicks !== leader.startTicks) return [];
  return stillAlive(members);
}

/**
 * Ends what `find` finds and sees it gone: SIGTERM, after `graceMs` SIGKILL. Looks again until nothing is found, since
 * a child may be between fork and exec. Throws COMMAND_FAILED, with the command to try by hand, if something survives
 * `afterKillMs` more: a disk that does not answer keeps a process, or it is another user's.
 */
export async function endChildren(
  find: () => Promise<readonly ProcessIdentity[]>,
  graceMs: number,
  afterKillMs = 5_000,
): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    const found = await find();
    if (found.length === 0) return;
    await signalAll(found, 'SIGTERM');
    const stubborn = await waitUntilGone(found, graceMs);
    await signalAll(stubborn, 'SIGKILL');
    const immortal = await waitUntilGone(stubborn, afterKillMs);
    if (immortal.length > 0) throw await immortalProblem(immortal);
    await pause(10);
  }
  throw await immortalProblem(await find());
}

async function signalAll(identities: readonly ProcessIdentity[], signal: NodeJS.Signals): Promise<void> {
  for (const identity of identities) {
    // A pid may be another process's by now.
    if (!(await isAlive(identity))) continue;
    try {
      process.kill(identity.pid, signal);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === 'EPERM') throw await immortalProblem([identity], 'this user may not end it');
      if (code !== 'ESRCH') throw thrown;
    }
  }
}

async function immortalProblem(left: readonly ProcessIdentity[], why?: string) {
  const waits = (await Promise.all(left.map(({ pid }) => statusOf(pid)))).some((one) => one?.state === 'D');
  const reason = waits
    ? 'the process does not end (state D: it waits for a disk)'
    : 'the process does not end';
  return problem('COMMAND_FAILED', {
    command: `kill -KILL ${left.map(({ pid }) => pid).join(' ')}`,
    reason: why ?? reason,
  });
}
