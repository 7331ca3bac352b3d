import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parseWindow } from '../../../src/config/window.ts';
import { problem } from '../../../src/errors.ts';
import type { Event } from '../../../src/pipeline/events.ts';
import { startLimits } from '../../../src/pipeline/limits.ts';
import { Pipeline } from '../../../src/pipeline/pipeline.ts';
import { steps, timed } from '../../../src/pipeline/steps.ts';

const night = { ...parseWindow('01:00-05:00'), timeZone: 'UTC' };

describe('limits', () => {
  it('that are not set are never reached', async () => {
    using limits = startLimits({ maxDuration: undefined, window: undefined });
    await sleep(600);
    expect(limits.signal.aborted).toBe(false);
  });

  it('end a run that takes longer than it may, and say which limit it was', async () => {
    using limits = startLimits({ maxDuration: { ms: 1, text: '1s' }, window: undefined });
    await aborted(limits.signal);
    expect(limits.signal.reason).toMatchObject({
      code: 'OUT_OF_TIME',
      exitCode: 7,
      message: expect.stringContaining('limits.maxDuration is 1s'),
    });
  });

  it('end a run outside of its window at once', () => {
    using limits = startLimits(
      { maxDuration: undefined, window: night },
      () => new Date('2026-01-15T05:00Z'),
    );
    expect(limits.signal.reason).toMatchObject({
      code: 'OUT_OF_TIME',
      message: expect.stringContaining('limits.window is 01:00-05:00 (UTC)'),
    });
  });

  it('end a run whose window closes, also when the clock was set', async () => {
    let now = new Date('2026-01-15T02:00Z');
    using limits = startLimits({ maxDuration: undefined, window: night }, () => now);
    expect(limits.signal.aborted).toBe(false);
    now = new Date('2026-01-15T12:00Z');
    await aborted(limits.signal);
    expect(limits.signal.reason).toMatchObject({ code: 'OUT_OF_TIME' });
  });
});

describe('a pipeline whose time is up', () => {
  const outOfTime = problem('OUT_OF_TIME', { limit: 'limits.maxDuration is 1h' });

  function bench() {
    const events: Event[] = [];
    const interruption = new AbortController();
    const deadline = new AbortController();
    const { signal } = interruption;
    const emit = (event: Event): unknown => events.push(event);
    const pipeline = new Pipeline({ emit, signal, deadline: deadline.signal });
    return { events, pipeline, interruption, up: () => deadline.abort(outOfTime) };
  }

  it.each(steps.map(({ id }) => id))('%s', async (id) => {
    const { pipeline, up, events } = bench();
    up();
    const step = pipeline.step(id, async ({ signal }) => signal.aborted);
    if (timed.has(id)) {
      await expect(step).rejects.toBe(outOfTime);
      expect(events).toEqual([]);
    } else {
      expect(await step).toBe(false);
    }
  });

  it('begins nothing that deletes, stops or starts anything', () => {
    expect([...timed]).toEqual(
      expect.arrayContaining(['stop', 'readonly', 'apply', 'rehearse', 'collect', 'tidy']),
    );
  });

  it('ends what is under way, tells it as interrupted, and undoes it', async () => {
    const { pipeline, up } = bench();
    const happened: string[] = [];
    const collecting = pipeline.step('collect', () =>
      pipeline.deed('collect', {
        memo: { kind: 'collector' },
        do: (signal) =>
          new Promise<void>((_, failed) => {
            signal.addEventListener('abort', () => failed(new Error('killed')));
            happened.push('collects');
            up();
          }),
        undo: async () => void happened.push('gone'),
      }),
    );
    await expect(collecting).rejects.toBe(outOfTime);
    expect(await pipeline.undoAll()).toEqual([]);
    expect(happened).toEqual(['collects', 'gone']);
    expect(pipeline.records.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      'collect interrupted',
      'restore ok',
    ]);
  });
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
}
