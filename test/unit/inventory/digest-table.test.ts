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
