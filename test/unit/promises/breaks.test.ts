import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { breaks } from '../../promises/all.ts';
import { broken, tableOf } from '../../promises/break.ts';

const root = resolve(import.meta.dirname, '../../..');

describe('every promise', () => {
  it.each(breaks)('can be broken as scripts/promises does: $promise', (one) => {
    const text = readFileSync(resolve(root, one.file), 'utf8');
    expect(broken(one, text)).not.toBe(text);
    for (const test of one.seenBy) expect(existsSync(resolve(root, `test/${test}.test.ts`)), test).toBe(true);
    expect(one.seenBy.length).toBeGreaterThan(0);
  });

  it('is told in CONTRIBUTING', () => {
    const told = readFileSync(resolve(root, 'CONTRIBUTING.md'), 'utf8');
    expect(told).toContain(tableOf(breaks));
  });

  it('is told once', () => {
    const told = breaks.map(({ promise }) => promise);
    expect(new Set(told).size).toBe(told.length);
  });
});
