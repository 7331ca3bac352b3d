import { describe, expect, it } from 'vitest';
import { close } from '../../../src/commands/close.ts';
import { problem } from '../../../src/errors.ts';
import { Pipeline } from '../../../src/pipeline/pipeline.ts';
import type { Fence, Runtime } from '../../../src/runtime/runtime.ts';
import { memoryStorage } from '../../../src/storage/memory.ts';
import { heldLock } from '../../support/held.ts';

const { signal } = new AbortController();

/** A registry that is not running, whose fence is closed from the beginning, and how often what was asked. */
async function closed(settle: () => Promise<void>) {
  const asked: string[] = [];
  const never = { memo: { kind: 'test' }, do: async () => {}, undo: async () => {} };
  const fence: Fence = {
    stop: never,
    readonly: undefined,
    prepare: undefined,
    overlaps: false,
    direct: false,
    reachStandIn: async () => ({ url: '' }),
    async settle() {
      asked.push('settle');
      await settle();
    },
    async breach() {
      asked.push('breach');
      return undefined;
    },
    broken: undefined,
    unsure: false,
    byHand: '',
    window: () => ({ readOnlySeconds: 0, unavailableSeconds: 0 }),
  };
  // Nobody listens on the first port.
  const url = 'http://127.0.0.1:1';
  const runtime = { reachLive: async () => ({ url }) } satisfies Pick<Runtime, 'reachLive'>;
  const config = { registry: { url, tls: {}, drain: {} }, state: {} };
  const state = { live: 'stopped', root: '/' };
  const options = {
    config,
    pipeline: new Pipeline({ emit: () => {}, signal }),
    storage: memoryStorage(),
    runtime,
    state,
    held: { ...heldLock(), now: async () => 0 },
  };
  return { asked, closed: await close(options as unknown as Parameters<typeof close>[0], fence) };
}

describe('the proof, repeated before something is removed,', () => {
  it('waits until whoever supervises the registry would have been seen to start it again', async () => {
    const settled = Promise.withResolvers<void>();
    const { asked, closed: fence } = await closed(() => settled.promise);
    expect(asked).toEqual(['breach']);
    const proving = fence.prove(signal);
    await new Promise((next) => setTimeout(next, 20));
    expect(asked).toEqual(['breach', 'settle']);
    settled.resolve();
    await proving;
    expect(asked).toEqual(['breach', 'settle', 'breach']);
  });

  it('fails when somebody was', async () => {
    const { closed: fence } = await closed(async () => {
      throw problem('FENCE_FAILED', { reason: 'somebody started it' });
    });
    await expect(fence.prove(signal)).rejects.toMatchObject({ code: 'FENCE_FAILED', exitCode: 5 });
  });

  it('is that of the next removals', async () => {
    const { asked, closed: fence } = await closed(async () => {});
    await fence.prove(signal);
    const looks = asked.length;
    await fence.stillSafe();
    expect(asked).toHaveLength(looks);
    await fence.stayedClosed();
    expect(asked).toHaveLength(looks + 1);
  });
});
