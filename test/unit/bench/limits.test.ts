import { expect, it } from 'vitest';
import { limitsOf } from '../../../bench/collect/limits.ts';
import { printResult } from '../../../bench/collect/print.ts';
import { resultOf, row, sizeResult } from './result.ts';

const rows = [
  row('find', 4),
  row('gc-dry-2.8.2', 8),
  row('gc-dry-3.1.1', 24),
  row('gc-2.8.2', 10),
  row('gc-3.1.1', 30),
  row('look-native', 1),
  row('run-native', 6, 200e6),
  row('closed-native', 1.5),
];

it('what is promised is compared with the registry 2.8, and only as far as it was measured', () => {
  const measured = limitsOf(resultOf(sizeResult('large', rows)), 'large');
  expect(measured.map(({ measured, limit }) => [measured, limit])).toEqual([
    [1 / 8, 0.2],
    [1 / 4, 0.5],
    [6 / 10, 0.5],
    [1.5, 2],
    [200, 250],
  ]);
});

it('huge may have more memory, and is compared with large', () => {
  const huge = sizeResult('huge', [
    row('look-native', 4),
    row('run-native', 12, 500e6),
    row('closed-native', 3),
  ]);
  const measured = limitsOf(resultOf(sizeResult('large', rows), huge), 'huge');
  const figures = measured.map(({ text, measured, limit }) => [text.replace(/.*: /, ''), measured, limit]);
  const files = huge.counts.files / 687_861;
  expect(figures).toEqual([
    ['closed to pushes, 1 % of garbage', 3, undefined],
    ['peak memory', 500, 600],
    ['inventory and plan', 4, files],
    ['native run', 2, files],
    ['closed to pushes', 2, expect.closeTo(99_950 / 30_000, 2)],
  ]);
});

it('the table says where a promise is not kept', () => {
  const text = printResult(resultOf(sizeResult('large', [...rows, row('look-skew', 1.4)])), 'large');
  expect(text).toMatch(/one repository with 90 % \/ evenly spread +1\.40 × {2}\(at most 1\.30 ×: OVER\)/);
  expect(text).toMatch(/native: peak memory +200 MB {2}\(at most 250 MB: ok\)/);
  expect(text).toMatch(/^title of gc-3\.1\.1 +30\.00 s/m);
});
