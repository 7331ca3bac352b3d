import { describe, expect, it } from 'vitest';
import { FloatColumn, IntColumn } from '../../../src/inventory/columns.ts';

// More than two pieces, and not a whole number of them.
const count = 150_001;

describe('a column', () => {
  it('of integers has every value where it was put, and -1 elsewhere', () => {
    const column = new IntColumn();
    for (let i = 0; i < count; i++) {
      column.push(i * 3);
      if (column.at(i) !== i * 3 || column.length !== i + 1) expect.fail(`at ${i}`);
    }
    for (let i = 0; i < count; i++) if (column.at(i) !== i * 3) expect.fail(`at ${i}`);
    expect([column.at(-1), column.at(1_000_000)]).toEqual([-1, -1]);
  });

  it('of integers takes groups of them', () => {
    const column = new IntColumn();
    const values = Int32Array.from({ length: count - 1 }, (_, i) => i * 3);
    for (let i = 0; i < values.length; i += 8) column.pushAll(values, i, 8);
    expect(column.length).toBe(values.length);
    for (let i = 0; i < values.length; i++) if (column.at(i) !== i * 3) expect.fail(`at ${i}`);
  });

  it('of doubles has every value where it was put, and undefined for what is not known', () => {
    const column = new FloatColumn();
    for (let i = 0; i < count; i++) column.push(i % 7 === 0 ? undefined : i / 4);
    expect(column.length).toBe(count);
    for (let i = 0; i < count; i++)
      if (column.at(i) !== (i % 7 === 0 ? undefined : i / 4)) expect.fail(`at ${i}`);
    expect([column.at(-1), column.at(1_000_000)]).toEqual([undefined, undefined]);
  });
});
