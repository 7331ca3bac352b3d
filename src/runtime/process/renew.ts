import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Deed } from '../../deed.ts';
import { fail } from '../../errors.ts';
import type { Environment } from '../../exec.ts';
import { shellQuote } from '../shell-quote.ts';
import type { Ground } from './ground.ts';
import { listenersOn } from './listeners.ts';
import { byHand, runStop } from './live.ts';
import type { RenewMemo } from './memos.ts';
import { isSameProcess, waitUntilGone } from './processes.ts';
import {
  describeProcess,
  type RegistryProcess,
  registryProcesses,
  sharesStorage,
} from './registry-processes.ts';
import { restoreLive } from './restore.ts';

/** For the end of a process, beyond the time that its drain may take. */
const slackMs = 2_000;

/**
 * Undone, it starts a registry afresh that somebody started while references were being removed: it may remember layers
 * that are gone by now (a descriptor cache in memory), and would take pushes that lack them. Pushed before anything is
 * removed, and undone when no collector runs any more. Nothing to do where nobody serves.
 */
export function renewDeed(ground: Ground, runId: string): Deed {
  const { options } = ground;
  const memo: RenewMemo = {
    kind: 'process-renew',
    runId,
    live: options.live,
    address: ground.address,
    url: ground.url,
    cwd: process.cwd(),
    drainMs: ground.configuration.http.drainMs,
    startTimeoutMs: options.startTimeoutMs,
    stopTimeoutMs: options.stopTimeoutMs,
    root: ground.root.path,
    boot: bootId(),
  };
  let owed = false;
  return {
    memo,
    async do(signal) {
      signal.throwIfAborted();
      owed = true;
    },
    async undo() {
      if (owed) await renewLive(memo, ground.commandEnvironment);
      owed = false;
    },
  };
}

/**
 * What `registry.live` stops is stopped and started again. What it does not stop is nobody's to end: throws NOT_FRESH
 * with the command to run by hand. Whoever was started after a reboot remembers nothing.
 */
export async function renewLive(memo: RenewMemo, env: Environment): Promise<void> {
  if (memo.boot !== bootId()) return;
  const stale = await servers(memo);
  if (stale.length === 0) return;
  let left: readonly RegistryProcess[] = stale;
  if (memo.live !== 'stopped') {
    await runStop(memo.live, { cwd: memo.cwd, env }, memo.stopTimeoutMs);
    left = await waitUntilGone(stale, Math.min(memo.stopTimeoutMs, memo.drainMs + slackMs));
    if (left.length < stale.length) {
      const { live, kind: _, ...rest } = memo;
      await restoreLive({ ...rest, kind: 'process-stop', live, writers: [] }, { env, dyingMs: 0 });
    }
  }
  if (left.length > 0)
    fail('NOT_FRESH', { found: left.map(describeProcess), command: await command(memo, left) });
}

/** Whoever serves that storage, or on the live registry's address, and is no child of ours. */
async function servers(memo: RenewMemo): Promise<readonly RegistryProcess[]> {
  // A disk that fails just now is no reason to call the registry lost: who listens at its address is found all the same.
  const root = await stat(memo.root).catch(() => undefined);
  const listening = (await listenersOn(memo.address)).flatMap(({ owners }) => owners);
  const running = await registryProcesses(undefined);
  const meant = await Promise.all(
    running.map(async (one) => {
      if (one.verb !== 'serve' || one.run !== undefined) return false;
      if (listening.some((owner) => isSameProcess(owner, one))) return true;
      // Whoever hides from us what it serves was refused before anything began, and breaks the fence when it comes.
      return root !== undefined && (await sharesStorage(one, root)).storage === 'same';
    }),
  );
  return running.filter((_, index) => meant[index]);
}

/** Ends them, sees them gone and starts the live registry, if there is one to start. */
async function command(memo: RenewMemo, left: readonly RegistryProcess[]): Promise<string> {
  const pids = left.map(({ pid }) => pid);
  const kill = shellQuote(['kill', ...pids.map(String)]);
  if (memo.live === 'stopped') return kill;
  const wait = `while kill -0 ${pids.join(' ')} 2>/dev/null; do sleep 1; done`;
  return `${kill}; ${wait}; ${byHand(memo.live, memo.cwd)}`;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
