import { describe, expect, it } from 'vitest';
import { createRandom, randomBytes } from '../../../src/noise/random.ts';
import { digestOf } from '../../../src/registry/digest.ts';

describe('createRandom', () => {
  it('says the same for the same seed, on every machine', () => {
    const random = createRandom('1');
    expect(Array.from({ length: 8 }, () => random.integer(0, 999))).toEqual([
      334, 640, 839, 752, 530, 183, 23, 775,
    ]);
  });

  it('says something else for another seed', () => {
    const numbers = (seed: string) => {
      const random = createRandom(seed);
      return Array.from({ length: 8 }, () => random.integer(0, 2 ** 31));
    };
    expect(numbers('1')).not.toEqual(numbers('2'));
  });

  it('spreads evenly, up to both ends', () => {
    const random = createRandom('spread');
    const counts = Array.from({ length: 6 }, () => 0);
    for (let n = 0; n < 60_000; n++) counts[random.integer(0, 5)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('knows never and always', () => {
    const random = createRandom('chance');
    const draws = (share: number) => new Set(Array.from({ length: 1000 }, () => random.chance(share)));
    expect(draws(0)).toEqual(new Set([false]));
    expect(draws(1)).toEqual(new Set([true]));
    expect(draws(0.5)).toEqual(new Set([true, false]));
  });

  it('shuffles without loss', () => {
    const list = Array.from({ length: 100 }, (_, n) => n);
    const shuffled = createRandom('shuffle').shuffle(list);
    expect(shuffled).not.toEqual(list);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(list);
  });
});

describe('randomBytes', () => {
  it('are the same for the same seed, on every machine', () => {
    expect(digestOf(randomBytes('1', 1000))).toBe(
      'sha256:6e83c7e748722429d63a22b440e0c7e639331d6b27eee156baca88a647238432',
    );
  });

  it('begin the same whatever their number', () => {
    expect(randomBytes('1', 1000).subarray(0, 10)).toEqual(randomBytes('1', 10));
    expect(randomBytes('1', 0)).toHaveLength(0);
  });
});
