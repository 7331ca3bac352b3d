import { join } from 'node:path';
import type { Deed } from '../../deed.ts';
import { fail } from '../../errors.ts';
import { type Ended, startDetached } from '../../exec.ts';
import { pause } from '../../pause.ts';
import type { Timeline } from '../timeline.ts';
import { formatAddress } from './address.ts';
import { answers } from './answer.ts';
import { prepareChild } from './child-configuration.ts';
import { childrenIn, endChildren, sessionOf } from './children.ts';
import { findIntruder, type Ground } from './ground.ts';
import { type Listener, listenersOn } from './listeners.ts';
import type { ChildMemo } from './memos.ts';
import { type ProcessIdentity, statusOf } from './processes.ts';
import { graceMs } from './restore.ts';
import { settled, settleMs } from './settle.ts';
import { lastLines, removeWorkplace, workplaceFor } from './workplace.ts';

export interface StandIn extends Deed {
  /** Its process, once it was started; a script around it may be that. */
  readonly pid: number | undefined;
  /** As `Fence.settle`. */
  settle(): Promise<void>;
  /** Why it does not serve although it should, or undefined. `listeners`: who has its address right now. */
  trouble(listeners: readonly Listener[]): Promise<string | undefined>;
}

/**
 * Serves read-only on the live registry's address. It has a session of its own and a file for its output: a Ctrl-C
 * does not reach it, and if this process is killed, pulls go on until recovery ends it.
 */
export function standInDeed(ground: Ground, runId: string, timeline: Timeline): StandIn {
  const directory = workplaceFor(runId, 'serve');
  const log = join(directory, 'log');
  const memo: ChildMemo = { kind: 'process-readonly', runId, directory };
  let serving = false;
  let leader: ProcessIdentity | undefined;
  const undone = new AbortController();
  let settling: Promise<void> = Promise.resolve();

  /** Whether it answers, and nobody else could be meant: every socket there is held by it alone. */
  async function look(listeners?: readonly Listener[]): Promise<'serves' | 'taken' | 'silent'> {
    const sockets = listeners ?? (await listenersOn(ground.address, leader?.pid));
    if (sockets.length === 0) return 'silent';
    const listening = sockets.flatMap(({ owners }) => owners.map(({ pid }) => pid));
    const ours = new Set((await childrenIn(directory, listening)).map(({ pid }) => pid));
    const alone = sockets.every(
      ({ owners }) => owners.length > 0 && owners.every(({ pid }) => ours.has(pid)),
    );
    if (!alone) return 'taken';
    return (await answers(ground.url)) ? 'serves' : 'silent';
  }

  return {
    memo,
    get pid() {
      return leader?.pid;
    },
    async do(signal) {
      signal.throwIfAborted();
      const { config, ...where } = await prepareChild(ground, directory);
      const child = await startDetached(ground.binary.path, ['serve', config], { ...where, log });
      let ended: Ended | undefined;
      void child.ended.then((result) => {
        ended = result;
        timeline.standInEnds();
      });
      // It may have ended by now, and left others behind.
      leader = { pid: child.pid, startTicks: (await statusOf(child.pid))?.startTicks ?? -1 };
      const deadline = performance.now() + ground.options.startTimeoutMs;
      for (let seen = await look(); seen !== 'serves'; seen = await look()) {
        signal.throwIfAborted();
        const late = ended !== undefined || performance.now() > deadline;
        // Nobody listened when the registry had stopped: whoever does now will not go away by waiting.
        if (late || seen === 'taken') await failWhereTaken();
        if (late) await failToServe(ended);
        await pause(20);
      }
      timeline.standInServes();
      serving = true;
      // Whoever has nothing to delete yet need not wait for that.
      settling = settled(ground, runId, settleMs, AbortSignal.any([signal, undone.signal]), leader.pid);
      settling.catch(() => {});
    },
    settle: () => settling,
    async undo() {
      undone.abort();
      await settling.catch(() => {});
      timeline.standInEnds();
      serving = false;
      await endChildren(
        async () => [
          ...(await childrenIn(directory)),
          ...(leader === undefined ? [] : await sessionOf(leader)),
        ],
        graceMs,
      );
      await removeWorkplace(directory);
    },
    async trouble(listeners) {
      if (!serving || (await look(listeners)) === 'serves' || (await look()) === 'serves') return undefined;
      const [line = 'its log is empty'] = (await lastLines(log)).slice(-1);
      return `the read-only stand-in does not serve on ${formatAddress(ground.address)} any more: ${line}`;
    },
  };

  async function failWhereTaken(): Promise<void> {
    const intruder = await findIntruder(ground, runId, await listenersOn(ground.address));
    if (intruder !== undefined) fail('FENCE_FAILED', { reason: `${intruder}, where the stand-in should` });
  }

  async function failToServe(ended: Ended | undefined): Promise<never> {
    const how =
      ended === undefined
        ? `it does not answer within ${ground.options.startTimeoutMs / 1000} s`
        : ended.signal === undefined
          ? `it exited with ${ended.exitCode}`
          : `it was ended by ${ended.signal}`;
    return fail('COMMAND_FAILED', {
      command: 'The read-only stand-in',
      reason: how,
      output: await lastLines(log),
    });
  }
}
