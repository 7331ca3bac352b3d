import type { Result, Row, SizeResult } from '../../../bench/collect/result.ts';
import { countsOf, type SizeName, shapeOf } from '../../../bench/tree/shape.ts';

/** A row whose figures are all the same. */
export function row(id: string, seconds: number, peak = 50e6): Row {
  return {
    id,
    title: `title of ${id}`,
    seconds: [seconds],
    wall: [seconds],
    cpu: [seconds],
    peak: [peak],
    parts: {},
  };
}

export function sizeResult(size: SizeName, rows: readonly Row[]): SizeResult {
  return {
    size,
    date: '2026-01-02',
    rounds: 1,
    counts: countsOf(shapeOf(size)),
    closedCounts: countsOf(shapeOf(size, { garbage: 0.01 })),
    registries: ['2.8.2+ds1', '3.1.1'],
    rows,
  };
}

export function resultOf(...measured: readonly SizeResult[]): Result {
  return {
    version: 1,
    machine: {
      processor: 'Brand "A" & <B>',
      cores: 2,
      memory: 8 * 2 ** 30,
      kernel: 'Linux 6',
      node: 'v24.0.0',
      filesystem: 'ext4',
    },
    sizes: Object.fromEntries(measured.map((one) => [one.size, one])),
  };
}
