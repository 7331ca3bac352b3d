import type { Deed } from '../../deed.ts';
import type { Container, Engine } from '../../engine/engine.ts';
import { fail, problem } from '../../errors.ts';
import { pause } from '../../pause.ts';
import type { Reach } from '../runtime.ts';
import type { Timeline } from '../timeline.ts';
import { standInOf } from './clone.ts';
import type { Ground } from './ground.ts';
import { label } from './labels.ts';
import type { CreateMemo, StandInMemo } from './memos.ts';
import { serves, type Vantage } from './serves.ts';

/** For pulls in flight, seconds: where the live registry waits for the place, a closed registry is the greater evil. */
const graceSeconds = { alone: 3, beside: 10 } as const;

/**
 * For so long both serve at least. A container's address is told before its network works, and what a client sends there
 * by then is lost; a second later it tries again (RFC 6298), and must find somebody at either address.
 */
const togetherMs = 1_200;

/** Makes the stand-in's container from the live one's; undo removes it. */
export function createDeed(
  ground: Ground,
  memo: CreateMemo,
  how: { readonly hidden: boolean; readonly drains: boolean },
): Deed {
  const { engine, live } = ground;
  return {
    memo,
    async do(signal) {
      const { container, networks } = standInOf(live, { name: memo.name, runId: memo.runId, ...how });
      await engine.create(container);
      for (const { network, config } of networks) {
        signal.throwIfAborted();
        await engine.connect(network, memo.name, config);
      }
    },
    undo: () => undoCreate(engine, memo),
  };
}

/** Removes it, if it is the one that this run made. */
export async function undoCreate(engine: Engine, memo: CreateMemo): Promise<void> {
  const container = await engine.inspect(memo.name);
  if (container?.labels[label.run] === memo.runId) await engine.remove(container.name);
}

/** Serves read-only in the container of `memo`; undo stops it, or leaves it as it was found. */
export function serveDeed(ground: Ground, memo: StandInMemo, timeline: Timeline, from: Vantage): Deed {
  const { engine, options } = ground;
  return {
    memo,
    async do(signal) {
      // One that runs already may have been told to be read-only after it had started, and remembers what will go.
      if (memo.declared === 'running') await engine.restart(memo.name);
      else await engine.start(memo.name);
      await waitUntilServes(ground, memo.name, from, signal, options.startTimeoutMs);
      timeline.standInServes();
      if (!memo.beside) return;
      // From now on every other push meets it.
      timeline.closing();
      await pause(togetherMs, signal);
    },
    async undo() {
      if (!memo.beside) timeline.standInEnds();
      await undoServe(engine, memo);
      if (memo.beside) timeline.open();
      timeline.standInEnds();
    },
  };
}

export async function undoServe(engine: Engine, memo: StandInMemo): Promise<void> {
  const container = await engine.inspect(memo.name);
  if (container === undefined) return;
  // What it remembers of what has gone would be told to those who pull.
  if (memo.declared === 'running') await engine.restart(container.name);
  else if (memo.declared === 'stopped' || container.labels[label.run] === memo.runId) {
    if (memo.beside && container.state.running) await pause(togetherMs);
    await engine.stop(container.name, memo.beside ? graceSeconds.beside : graceSeconds.alone);
  }
}

async function waitUntilServes(
  { engine }: Ground,
  name: string,
  from: Vantage,
  signal: AbortSignal,
  forMs: number,
): Promise<Reach> {
  const deadline = performance.now() + forMs;
  for (;;) {
    signal.throwIfAborted();
    const container = await engine.inspect(name);
    const reach = container?.state.running === true ? await serves(from, container) : undefined;
    if (reach !== undefined) return reach;
    const ended = container === undefined || ['exited', 'dead'].includes(container.state.status);
    if (ended || performance.now() > deadline) await failToServe(engine, name, container, forMs);
    await pause(20, signal);
  }
}

async function failToServe(
  engine: Engine,
  name: string,
  container: Container | undefined,
  forMs: number,
): Promise<never> {
  const reason =
    container === undefined
      ? 'its container is gone'
      : container.state.running
        ? `it does not answer within ${forMs / 1000} s`
        : `it exited with ${container.state.exitCode}`;
  const output = container === undefined ? [] : await engine.logs(container.name, 10);
  return fail('COMMAND_FAILED', { command: `The read-only stand-in (container ${name})`, reason, output });
}

/** Why the stand-in does not serve although it should, or undefined. */
export async function troubleWith(engine: Engine, name: string): Promise<string | undefined> {
  const container = await engine.inspect(name);
  if (container?.state.running === true && !container.state.paused) return undefined;
  const how = container === undefined ? 'is gone' : `is ${container.state.status}`;
  return `the read-only stand-in (container ${name}) ${how}`;
}

/** How the stand-in is reached, by itself. */
export async function reachStandIn({ engine }: Ground, name: string, from: Vantage): Promise<Reach> {
  const container = await engine.inspect(name);
  const reach = container === undefined ? undefined : await serves(from, container);
  if (reach !== undefined) return reach;
  throw problem('FENCE_FAILED', {
    reason: (await troubleWith(engine, name)) ?? 'the stand-in does not answer',
  });
}
