import type { Deed } from '../../deed.ts';
import { fail, reasonOf } from '../../errors.ts';
import type { Timeline } from '../timeline.ts';
import type { Ground } from './ground.ts';
import { listenersOn } from './listeners.ts';
import { type Controlled, runStop } from './live.ts';
import type { StopMemo } from './memos.ts';
import { type ProcessIdentity, waitUntilGone } from './processes.ts';
import { describeProcess } from './registry-processes.ts';
import { type Restore, restoreLive } from './restore.ts';
import { settled, settleMs } from './settle.ts';

/**
 * Stops the live registry and returns when its processes are gone, nobody listens and nobody else works on the
 * storage. A process that closed its port but lives on still counts: a draining registry commits uploads.
 */
export function stopDeed(ground: Ground, runId: string, timeline: Timeline, standIn: boolean): Deed {
  const { options, writers } = ground;
  const live = options.live === 'stopped' || writers.length === 0 ? 'stopped' : options.live;
  const memo: StopMemo = {
    kind: 'process-stop',
    runId,
    live,
    writers: writers.map(({ pid, startTicks }) => ({ pid, startTicks })),
    address: ground.address,
    url: ground.url,
    cwd: process.cwd(),
    drainMs: ground.configuration.http.drainMs,
    startTimeoutMs: options.startTimeoutMs,
  };
  let command: Promise<string | undefined> | undefined;
  let deadline = 0;

  async function stop(controlled: Controlled, signal: AbortSignal): Promise<void> {
    const doomed = await writersNow(ground);
    signal.throwIfAborted();
    timeline.closing();
    deadline = performance.now() + options.stopTimeoutMs;
    const where = { cwd: memo.cwd, env: ground.commandEnvironment };
    command = runStop(controlled, where, options.stopTimeoutMs).catch(reasonOf);
    const wrong = await unlessAborted(command, signal);
    // A failed command may still have done it; what counts is whether they are gone. But it is not waited for long.
    if (wrong !== undefined) deadline = Math.min(deadline, performance.now() + 1_000);
    const alive = await waitUntilGone(doomed, Math.max(1_000, deadline - performance.now()), signal);
    if (alive.length > 0) {
      deadline = 0;
      const names = alive.map(describeDoomed(ground)).join(', ');
      const why = wrong ?? `it was told to stop ${options.stopTimeoutMs / 1000} s ago`;
      fail('FENCE_FAILED', {
        reason: `${names} still runs: ${why}`,
        hint: 'It may be finishing uploads (http.draintimeout): raise registry.stopTimeout. Or registry.live does not stop it.',
      });
    }
  }

  return {
    memo,
    async do(signal) {
      if (live !== 'stopped') await stop(live, signal);
      // A stand-in takes the address at once, and looks out by itself; pulls shall not wait for that.
      await settled(ground, runId, standIn ? 0 : settleMs, signal);
    },
    async undo() {
      // The stop command must not overtake what starts the registry again.
      if (command === undefined) return;
      await command;
      const how: Restore = {
        env: ground.commandEnvironment,
        dyingMs: Math.max(500, deadline - performance.now()),
      };
      await restoreLive(memo, how);
      timeline.open();
    },
  };
}

/** Those that `inspect` saw, and whoever has taken their place since (an inventory can take an hour). */
async function writersNow(ground: Ground): Promise<readonly ProcessIdentity[]> {
  const listening = (await listenersOn(ground.address)).flatMap(({ owners }) => owners);
  const all = [...ground.writers, ...listening];
  return all.filter((one, index) => all.findIndex(({ pid }) => pid === one.pid) === index);
}

function describeDoomed(ground: Ground): (identity: ProcessIdentity) => string {
  return ({ pid }) => {
    const writer = ground.writers.find((one) => one.pid === pid);
    return writer === undefined ? `the process ${pid}` : describeProcess(writer);
  };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
