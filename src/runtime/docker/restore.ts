import type { Container, Engine, RestartPolicy } from '../../engine/engine.ts';
import { fail, reasonOf } from '../../errors.ts';
import { pause } from '../pause.ts';
import { shellQuote } from '../shell-quote.ts';
import type { StopMemo } from './memos.ts';
import { serves, type Vantage } from './serves.ts';

/** Whether the engine would start it by itself. */
export function keepsRestarting({ name }: RestartPolicy): boolean {
  return name !== '' && name !== 'no';
}

/**
 * Makes the live registry run as it ran, with its own restart policy. One that somebody else started in the meantime is
 * started once more: it may remember blobs that have gone since. Idempotent. Throws NOT_RESTORED with the command to
 * run by hand.
 */
export async function restoreLive(engine: Engine, memo: StopMemo, from: Vantage): Promise<void> {
  const reasons: string[] = [];
  try {
    const live = await findLive(engine, memo);
    if (live === undefined) {
      reasons.push(`the container ${memo.live.name} is gone`);
    } else {
      if (!samePolicy(live.restartPolicy, memo.restartPolicy))
        await engine.setRestartPolicy(live.name, memo.restartPolicy);
      if (!live.state.running) await engine.start(live.name);
      else if (live.state.startedAt !== memo.startedAt) await engine.restart(live.name);
      const trouble = await waitUntilServes(engine, live.name, from, memo.startTimeoutMs);
      if (trouble === undefined) return;
      reasons.push(...trouble);
    }
  } catch (thrown) {
    reasons.push(reasonOf(thrown));
  }
  fail('NOT_RESTORED', { reasons, command: byHand(memo) });
}

/** By its id; one that was made anew under its name (`up --force-recreate`) has taken its place. */
async function findLive(engine: Engine, memo: StopMemo): Promise<Container | undefined> {
  return (await engine.inspect(memo.live.id)) ?? (await engine.inspect(memo.live.name));
}

function samePolicy(one: RestartPolicy, other: RestartPolicy): boolean {
  const plain = ({ name, maximumRetryCount }: RestartPolicy): string =>
    `${name || 'no'}:${maximumRetryCount}`;
  return plain(one) === plain(other);
}

async function waitUntilServes(
  engine: Engine,
  name: string,
  from: Vantage,
  forMs: number,
): Promise<readonly string[] | undefined> {
  const deadline = performance.now() + forMs;
  for (;;) {
    const container = await engine.inspect(name);
    if (container?.state.running === true && (await serves(from, container)) !== undefined) return undefined;
    const dead = container !== undefined && !container.state.running && !container.state.restarting;
    if (dead || performance.now() > deadline) {
      const how = dead ? `exited with ${container.state.exitCode}` : `did not answer in ${forMs / 1000} s`;
      return [`the container was started, but ${how}`, ...(await engine.logs(name, 10))];
    }
    await pause(20);
  }
}

/** The command that brings the live registry back, for a person. */
export function byHand({ live, restartPolicy, runId }: StopMemo): string {
  const { name, maximumRetryCount } = restartPolicy;
  const policy = maximumRetryCount > 0 ? `${name}:${maximumRetryCount}` : name;
  const parts = [
    `docker ps -aq --filter label=registry-cleanup.run=${runId} | xargs -r docker rm -f`,
    ...(keepsRestarting(restartPolicy)
      ? [`docker update --restart=${policy} ${shellQuote([live.name])}`]
      : []),
    `docker start ${shellQuote([live.name])}`,
  ];
  return parts.join('; ');
}
