import { fail, reasonOf } from '../../errors.ts';
import type { Environment } from '../../exec.ts';
import { pause } from '../../pause.ts';
import { answers } from './answer.ts';
import { children, endChildren } from './children.ts';
import { isListenedOn, listenersOn } from './listeners.ts';
import { byHand, forgetFailures, runStart } from './live.ts';
import type { StopMemo } from './memos.ts';
import { isSameProcess, stillAlive } from './processes.ts';

export interface Restore {
  readonly env: Environment;
  /** How long an old process that still listens may be on its way out: it is not yet proof that the registry runs. */
  readonly dyingMs: number;
}

/** How long a child of ours may take to end before it is killed: a pull in flight is not worth a closed registry. */
export const graceMs = 3_000;

/**
 * Makes the live registry run: nothing to do if it answers, else it is started and waited for. Our own children of
 * that run are ended first, they are in its way. Idempotent. Throws NOT_RESTORED with the command to run by hand.
 */
export async function restoreLive(memo: StopMemo, how: Restore): Promise<void> {
  const { live, address } = memo;
  if (live === 'stopped') return;
  const oldListens = async () => {
    const listening = (await listenersOn(address)).flatMap(({ owners }) => owners);
    return memo.writers.some((old) => listening.some((one) => isSameProcess(one, old)));
  };
  const serves = async () => (await isListenedOn(address)) && (await answers(memo.url));
  const reasons: string[] = [];
  try {
    await endChildren(async () => (await children()).filter(({ run }) => run === memo.runId), graceMs);
    const deadline = performance.now() + how.dyingMs;
    while ((await oldListens()) && performance.now() < deadline) await pause(25);
    if (await serves()) return;
    const wrong = await start(memo, how.env, serves);
    if (wrong === undefined) return;
    reasons.push(...wrong);
  } catch (thrown) {
    reasons.push(reasonOf(thrown));
  }
  fail('NOT_RESTORED', { reasons, command: byHand(live, memo.cwd) });
}

/**
 * Starts it and waits for an answer. While an old process still drains, many a start command is content with that one
 * or complains of it, and does nothing: then it is run again when the old one is gone.
 */
async function start(
  memo: StopMemo,
  env: Environment,
  serves: () => Promise<boolean>,
): Promise<readonly string[] | undefined> {
  if (memo.live === 'stopped') return undefined;
  const where = { cwd: memo.cwd, env };
  await forgetFailures(memo.live, where);
  let old = await stillAlive(memo.writers);
  const deadline = performance.now() + memo.startTimeoutMs + (old.length > 0 ? memo.drainMs : 0);
  for (;;) {
    const draining = old;
    const started = await runStart(memo.live, where, {
      deadline,
      patient: draining.length > 0,
      look: async () => {
        if (await serves()) return 'serves';
        return draining.length > 0 && (await stillAlive(draining)).length === 0 ? 'again' : undefined;
      },
    });
    if (started === 'serves') return undefined;
    if (started !== 'again') return started;
    old = [];
  }
}
