import { stat } from 'node:fs/promises';
import { drain } from '../apply/drain.ts';
import { proveReadOnly, proveSilence } from '../apply/prove.ts';
import { unlessTakenOver, watch } from '../apply/watch.ts';
import type { Config } from '../config/schema.ts';
import type { Held } from '../pipeline/lock.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { createClient } from '../registry/client.ts';
import type { Fence, RegistryState, Runtime } from '../runtime/runtime.ts';
import type { Storage } from '../storage/storage.ts';
import { withClient } from './maintain.ts';
import { openClient } from './session.ts';

export interface CloseOptions {
  readonly config: Config;
  readonly pipeline: Pipeline;
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly state: RegistryState;
  readonly held: Held;
}

/** A registry that nobody can push to. */
export interface Closed {
  /**
   * The storage's clock when every writer was gone, ms since the epoch. Undefined where the state lies on another device:
   * that may have another clock.
   */
  readonly since: number | undefined;
  /** Proves it again, and that the lock is still ours. Throws FENCE_FAILED, LOCK_LOST. */
  prove(signal: AbortSignal): Promise<void>;
  /** Asked before every removal. Throws FENCE_FAILED. */
  stillSafe(): Promise<void>;
  /** Asked after the last one, so that whoever came in between is seen. Throws FENCE_FAILED. */
  stayedClosed(): Promise<void>;
}

/** A registry says within milliseconds that it is there; where a container was, nobody even refuses to answer. */
const silenceMs = { first: 10_000, again: 2_000 };

/** Drains, stops, serves read-only and proves that nobody can write any more. */
export async function close(options: CloseOptions, fence: Fence): Promise<Closed> {
  const { config, pipeline, storage, state, held } = options;
  const live = await options.runtime.reachLive(state);
  const { look, glance } = watch(fence);
  let since: number | undefined;

  function expectSilence(signal: AbortSignal, timeoutMs: number): Promise<void> {
    const { tls } = config.registry;
    return withClient(createClient({ ...live, tls, timeoutMs, signal }), proveSilence);
  }

  async function stop(): Promise<void> {
    if (state.live === 'running') {
      await pipeline.step('stop', () => pipeline.deed('stop', unlessTakenOver(fence.stop, held)));
    } else {
      pipeline.skip('stop', 'the registry is not running');
    }
    since = (await hasClockOfStorage(config, state)) ? await held.now() : undefined;
  }

  async function serve(): Promise<void> {
    const standIn = fence.readonly;
    if (standIn === undefined) {
      pipeline.skip('readonly', 'no stand-in is wanted: pulls fail meanwhile');
      return;
    }
    await pipeline.step('readonly', async ({ signal }) => {
      if (!fence.direct) await expectSilence(signal, silenceMs.first);
      await pipeline.deed('readonly', unlessTakenOver(standIn, held));
    });
  }

  async function prove(signal: AbortSignal, timeoutMs: number): Promise<void> {
    await look();
    if (fence.readonly === undefined) return expectSilence(signal, timeoutMs);
    const client = openClient(config, await fence.reachStandIn(), signal);
    await withClient(client, (standIn) => proveReadOnly(standIn, storage, held));
  }

  if (state.live === 'running') {
    await pipeline.step('drain', async ({ signal, note }) => {
      const { timeout, quiet } = config.registry.drain;
      note(await drain(storage, { signal, timeoutMs: timeout.ms, quietMs: quiet.ms }));
    });
  } else {
    pipeline.skip('drain', 'the registry is not running');
  }
  if (fence.prepare !== undefined)
    await pipeline.deed('readonly', unlessTakenOver(fence.prepare, held), { quiet: true });
  for (const hand of fence.overlaps ? [serve, stop] : [stop, serve]) await hand();
  await pipeline.step('prove', ({ signal }) => prove(signal, silenceMs.first));
  return {
    since,
    stillSafe: glance,
    stayedClosed: look,
    async prove(signal) {
      await fence.settle();
      await prove(signal, silenceMs.again);
      await held.check();
    },
  };
}

/** Whether times of files in the state directory can be compared with those of the storage. */
async function hasClockOfStorage(config: Config, state: RegistryState): Promise<boolean> {
  const { directory } = config.state;
  if (directory === undefined) return true;
  return (await stat(directory)).dev === (await stat(state.root)).dev;
}
