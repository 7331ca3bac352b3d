import { describe, expect, it } from 'vitest';
import { problem } from '../../../src/errors.ts';
import type { Held } from '../../../src/pipeline/lock.ts';
import { keepPermit } from '../../../src/pipeline/permit.ts';
import { isRevoked } from '../../../src/storage/permit.ts';
import { heldLock } from '../../support/held.ts';

const { signal } = new AbortController();

/** When leave was last given, by the wall clock, and for how long it counts, ms. */
function given(memory: SharedArrayBuffer): { readonly at: number; readonly forMs: number } {
  const times = new BigInt64Array(memory);
  return { at: Number(times[2]), forMs: Number(times[3]) };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds()).toBe(true);
}

/** A lock whose every look calls `look` first. */
function slow(look: () => Promise<void>): Held {
  const held = heldLock();
  return {
    ...held,
    async check() {
      await look();
      await held.check();
    },
  };
}

describe('leave to remove', () => {
  it('is there once lock and fence have been looked at, and renewed as long as both hold', async () => {
    const held = heldLock();
    let asked = 0;
    const stillSafe = async () => void asked++;
    const permit = await keepPermit({ held, signal, stillSafe });
    expect([held.looks, asked]).toEqual([1, 1]);
    const first = given(permit.memory);
    expect(first.forMs).toBeGreaterThanOrEqual(100);
    await until(() => given(permit.memory).at > first.at && held.looks > 3 && asked > 3);
    expect(isRevoked(permit.memory)).toBe(false);
    permit.check();
    await permit.close();
    const { looks } = held;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(held.looks).toBe(looks);
    expect(isRevoked(permit.memory)).toBe(true);
  });

  it('is not given when the first look fails, or after an interruption', async () => {
    await expect(keepPermit({ held: heldLock({ lostFrom: 1 }), signal })).rejects.toMatchObject({
      code: 'LOCK_LOST',
    });
    const broken = async () => {
      throw problem('FENCE_FAILED', { reason: 'somebody writes' });
    };
    const failing = keepPermit({ held: heldLock(), signal, stillSafe: broken });
    await expect(failing).rejects.toMatchObject({ code: 'FENCE_FAILED' });
    const aborted = AbortSignal.abort(new Error('Ctrl-C'));
    await expect(keepPermit({ held: heldLock(), signal: aborted })).rejects.toThrow('Ctrl-C');
  });

  it('is taken back when the lock is lost, and says so', async () => {
    const permit = await keepPermit({ held: heldLock({ lostFrom: 3 }), signal });
    await until(() => isRevoked(permit.memory));
    expect(() => permit.check()).toThrow(expect.objectContaining({ code: 'LOCK_LOST' }));
    await permit.close();
    // What ended it is what is told afterwards, too.
    expect(() => permit.check()).toThrow(expect.objectContaining({ code: 'LOCK_LOST' }));
  });

  it('is taken back when the fence is broken', async () => {
    let asked = 0;
    const stillSafe = async () => {
      if (++asked === 3) throw problem('FENCE_FAILED', { reason: 'somebody writes' });
    };
    const permit = await keepPermit({ held: heldLock(), signal, stillSafe });
    await until(() => isRevoked(permit.memory));
    expect(() => permit.check()).toThrow(expect.objectContaining({ code: 'FENCE_FAILED' }));
    await permit.close();
  });

  it('is taken back at once by an interruption', async () => {
    const interruption = new AbortController();
    const permit = await keepPermit({ held: heldLock(), signal: interruption.signal });
    interruption.abort(new Error('Ctrl-C'));
    expect(isRevoked(permit.memory)).toBe(true);
    expect(() => permit.check()).toThrow('Ctrl-C');
    await permit.close();
  });

  it('is not renewed while somebody still looks, and counts from when that look began', async () => {
    let looks = 0;
    let go = (): void => {};
    let began = 0;
    const held = slow(async () => {
      if (++looks !== 2) return;
      began = Date.now();
      await new Promise<void>((resolve) => {
        go = resolve;
      });
    });
    const permit = await keepPermit({ held, signal });
    await until(() => looks === 2);
    const { at } = given(permit.memory);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(given(permit.memory).at).toBe(at);
    const other = { at, looks };
    go();
    await until(() => given(permit.memory).at !== other.at);
    expect(given(permit.memory).at).toBeLessThanOrEqual(began + 5);
    await permit.close();
  });

  it('counts for longer where a look takes long, and never for more than a second', async () => {
    for (const [took, atLeast] of [
      [200, 390],
      [1_200, 1_000],
    ] as const) {
      const held = slow(() => new Promise((resolve) => setTimeout(resolve, took)));
      const permit = await keepPermit({ held, signal });
      const { forMs } = given(permit.memory);
      expect(forMs).toBeGreaterThanOrEqual(atLeast);
      expect(forMs).toBeLessThanOrEqual(1_000);
      await permit.close();
    }
  });
});
