import { expect, it } from 'vitest';
import { balanced, median } from '../../../bench/collect/statistics.ts';

it('the median is the middle one, or lies between the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([10, 1, 2, 4])).toBe(3);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

it.each([
  ['abcd', 4, 1],
  ['abc', 6, 2],
  ['abcdefghi', 18, 2],
  ['a', 2, 0],
])(
  'none of %s is left out in a round, and in %i rounds each follows every other %i times',
  (names, count, times) => {
    const rounds = Array.from({ length: count }, (_, round) => balanced([...names], round));
    for (const round of rounds) expect(round.toSorted().join('')).toBe(names);
    const pairs = new Map<string, number>();
    for (const round of rounds)
      for (const [i, name] of round.entries())
        if (i > 0) pairs.set(`${round[i - 1]}${name}`, (pairs.get(`${round[i - 1]}${name}`) ?? 0) + 1);
    expect(pairs.size).toBe(names.length * (names.length - 1));
    expect([...new Set(pairs.values())]).toEqual(times === 0 ? [] : [times]);
  },
);

it('there may be nothing to order', () => expect(balanced([], 2)).toEqual([]));
