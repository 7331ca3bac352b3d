import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const patience = 20_000;

/** Pids of the processes that serve with this configuration file. A zombie does not serve. */
export function servingPids(configFile: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => argumentsOf(pid).slice(1).join(' ') === `serve ${configFile}`);
}

/** Returns when nobody serves with this configuration file any more; ends who still does after 20 s. */
export async function gone(configFile: string): Promise<void> {
  const deadline = Date.now() + patience;
  for (let pids = servingPids(configFile); pids.length > 0; pids = servingPids(configFile)) {
    if (Date.now() > deadline) for (const pid of pids) signal(pid, 'SIGKILL');
    await sleep(10);
  }
}

/** Whether a process is there and still runs: a zombie, which nobody has waited for yet, does not. */
export function isAlive(pid: number): boolean {
  const state = /^State:\s+(\S)/m.exec(inProc(pid, 'status'))?.[1];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Sends a signal to a process that may have ended meanwhile. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    if (errno(thrown) !== 'ESRCH') throw thrown;
  }
}

function argumentsOf(pid: number): readonly string[] {
  return inProc(pid, 'cmdline').split('\0').slice(0, -1);
}

/** '' when the process is gone. */
function inProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (thrown) {
    const code = errno(thrown);
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw thrown;
  }
}

function errno(thrown: unknown): string | undefined {
  return thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
}
