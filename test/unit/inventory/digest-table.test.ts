import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DigestTable } from '../../../src/inventory/digest-table.ts';

const digests = fc.oneof(
  { weight: 9, arbitrary: fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`) },
  { weight: 1, arbitrary: fc.stringMatching(/^[0-9a-f]{128}$/).map((hex) => `sha512:${hex}`) },
);

describe('DigestTable', () => {
  it('gives every digest one id, from 0 upwards, and the digest back for it', () => {
    fc.assert(
      fc.property(fc.array(digests, { maxLength: 200 }), (all) => {
        const table = new DigestTable();
        const ids = all.map((digest) => table.intern(digest));
        const unique = [...new Set(all)];
        expect(table.size).toBe(unique.length);
        expect(ids).toEqual(all.map((digest) => unique.indexOf(digest)));
        expect(ids.map((id) => table.text(id))).toEqual(all);
        expect(all.map((digest) => table.find(digest))).toEqual(ids);
      }),
    );
  });

  it('gives many at once the ids that it gives them one by one, among others and met before or not', () => {
    const words = fc.array(fc.constantFrom(0, 1, -1, 7), { minLength: 8, maxLength: 8 });
    const scenario = fc.record({
      all: fc.array(words, { maxLength: 600 }),
      from: fc.nat(40),
      known: fc.nat(300),
    });
    fc.assert(
      fc.property(scenario, ({ all, from, known }) => {
        const packed = Int32Array.from(all.flat());
        const [table, other] = [new DigestTable(), new DigestTable()];
        table.intern(`sha512:${'a'.repeat(128)}`);
        other.intern(`sha512:${'a'.repeat(128)}`);
        for (let i = 0; i < Math.min(known, all.length); i++)
          expect(table.internWords(packed, i * 8)).toBe(other.internWords(packed, i * 8));
        const ids = new Int32Array(all.length).fill(-7);
        table.internAll(packed, from, all.length, ids);
        const expected = all.map((_, i) => (i < from ? -7 : other.internWords(packed, i * 8)));
        expect([...ids]).toEqual(expected);
        expect(table.size).toBe(other.size);
      }),
    );
  });

  it('grows in the midst of many at once', () => {
    const table = new DigestTable();
    const words = Int32Array.from({ length: 8 * 30_000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
    const ids = new Int32Array(30_000);
    table.internAll(words, 0, 30_000, ids);
    expect(table.size).toBe(30_000);
    for (let i = 0; i < 30_000; i++)
      if (ids[i] !== i || table.internWords(words, i * 8) !== i) expect.fail(`at ${i}`);
  });

  it('finds nothing that was never interned, and does not intern by looking', () => {
    const table = new DigestTable();
    expect(table.find(`sha256:${'0'.repeat(64)}`)).toBe(-1);
    expect(table.size).toBe(0);
  });

  it('keeps 50,000 digests apart that begin alike', () => {
    const table = new DigestTable();
    const of = (n: number): string => `sha256:${'0'.repeat(56)}${n.toString(16).padStart(8, '0')}`;
    for (let n = 0; n < 50_000; n++) expect(table.intern(of(n))).toBe(n);
    expect(table.find(of(49_999))).toBe(49_999);
    expect(table.text(777)).toBe(of(777));
  });

  it('refuses an id that it never gave', () => {
    expect(() => new DigestTable().text(0)).toThrow(RangeError);
  });
});
