import { describe, expect, it } from 'vitest';
import { limit } from '../../../src/noise/limit.ts';

describe('limit', () => {
  it('runs as many jobs as it may at a time, in order, and all of them', async () => {
    const slot = limit(3);
    const began: number[] = [];
    let running = 0;
    let most = 0;
    const jobs = Array.from({ length: 20 }, (_, number) =>
      slot(async () => {
        began.push(number);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return number;
      }),
    );
    expect(await Promise.all(jobs)).toEqual(Array.from({ length: 20 }, (_, number) => number));
    expect(began).toEqual(began.toSorted((a, b) => a - b));
    expect(most).toBe(3);
  });

  it('goes on after a job that fails', async () => {
    const slot = limit(1);
    const failed = slot(() => Promise.reject(new Error('no')));
    const next = slot(async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
    expect(await slot(async () => 'again')).toBe('again');
  });
});
