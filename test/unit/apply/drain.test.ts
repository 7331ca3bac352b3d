import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { drain } from '../../../src/apply/drain.ts';
import type { Reader } from '../../../src/storage/storage.ts';
import { at } from '../../support/layout.ts';
import { memoryRegistry } from '../../support/memory-registry.ts';

const data = `${at.upload('app', 'one')}/data`;

/** Drains, and tells how long that took, ms. */
async function drained(
  reader: Reader,
  options: { timeoutMs?: number; quietMs?: number; signal?: AbortSignal } = {},
): Promise<{ said: string; took: number }> {
  const started = performance.now();
  const { signal = new AbortController().signal, timeoutMs = 20_000, quietMs = 0 } = options;
  const said = await drain(reader, { signal, timeoutMs, quietMs });
  return { said, took: performance.now() - started };
}

describe('draining', () => {
  it('is over at once where there is no upload', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    const { said, took } = await drained(made.storage, { quietMs: 20_000 });
    expect(said).toBe('no upload in flight');
    expect(took).toBeLessThan(10_000);
  });

  it('waits for nothing where no time is allowed, and does not even look', async () => {
    const made = memoryRegistry();
    made.upload('app', 'one');
    const list = () => {
      throw new Error('it looks');
    };
    expect(await drained({ ...made.storage, list }, { timeoutMs: 0 })).toMatchObject({
      said: 'uploads are not waited for',
    });
  });

  it('is over once no upload has changed for long enough, however old or new they are', async () => {
    const made = memoryRegistry();
    made.upload('app', 'one', { age: 0 });
    made.upload('app', 'two', { age: -1_000_000 });
    const { said, took } = await drained(made.storage, { quietMs: 400 });
    expect(said).toBe('uploads, but none in flight');
    expect(took).toBeGreaterThanOrEqual(400);
  });

  it.each([
    ['grows', (round: number) => 'x'.repeat(round)],
    ['is written to without growing', () => 'half'],
  ])('waits on while an upload %s', async (_how, content) => {
    const made = memoryRegistry();
    made.upload('app', 'one');
    let busy = true;
    let ended = 0;
    const pushing = (async () => {
      for (let round = 1; round <= 15; round++) {
        made.storage.put(data, content(round), round);
        await sleep(50);
      }
      busy = false;
      ended = performance.now();
    })();
    const { said } = await drained(made.storage, { quietMs: 500 });
    expect(busy).toBe(false);
    expect(performance.now() - ended).toBeGreaterThan(200);
    expect(said).toBe('uploads, but none in flight');
    await pushing;
  });

  it('is over once the last upload is committed', async () => {
    const made = memoryRegistry();
    made.upload('app', 'one');
    const waiting = drained(made.storage, { quietMs: 20_000 });
    made.storage.drop(at.upload('app', 'one'));
    const { said, took } = await waiting;
    expect(said).toBe('no upload in flight any more');
    expect(took).toBeLessThan(10_000);
  });

  it('gives up when the time allowed is over, and says that uploads are cut off', async () => {
    const made = memoryRegistry();
    made.upload('app', 'one');
    let round = 0;
    const reader: Reader = {
      ...made.storage,
      list(prefix, skip) {
        made.storage.put(data, 'x'.repeat(++round));
        return made.storage.list(prefix, skip);
      },
    };
    const { said, took } = await drained(reader, { timeoutMs: 600, quietMs: 500 });
    expect(said).toBe('uploads still in flight after the time allowed: they are cut off');
    expect(took).toBeGreaterThanOrEqual(600);
  });

  it('ends at once when it is interrupted, with the reason for it', async () => {
    const made = memoryRegistry();
    made.upload('app', 'one');
    const controller = new AbortController();
    const waiting = drained(made.storage, { quietMs: 20_000, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('Ctrl-C')), 50);
    await expect(waiting).rejects.toThrow('Ctrl-C');
  });

  it('does not take layers, manifests and tags for uploads', async () => {
    const made = memoryRegistry();
    made.image('app/nested', { tags: ['v1'] });
    made.storage.mkdir(`${at.repository('app')}/_uploads/`);
    expect(await drained(made.storage, { quietMs: 20_000 })).toMatchObject({ said: 'no upload in flight' });
  });
});
