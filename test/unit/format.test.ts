import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, count, counted, hidden, seconds, visible } from '../../src/format.ts';

describe('figures', () => {
  test('shows bytes in binary units', () => {
    expect([0, 1023, 1024, 1536, 2 ** 20, 1.2 * 2 ** 30].map(bytes)).toEqual([
      '0 B',
      '1023 B',
      '1 KiB',
      '1.5 KiB',
      '1 MiB',
      '1.2 GiB',
    ]);
  });

  test('separates thousands whatever the locale of the machine', () => {
    expect([0, 999, 1000, 12_340, 1_234_567].map(count)).toEqual([
      '0',
      '999',
      '1,000',
      '12,340',
      '1,234,567',
    ]);
  });

  test('puts the noun in the number of its count', () => {
    expect([0, 1, 2, 12_340].map((n) => counted(n, 'manifest'))).toEqual([
      '0 manifests',
      '1 manifest',
      '2 manifests',
      '12,340 manifests',
    ]);
    expect([1, 2].map((n) => counted(n, 'repository'))).toEqual(['1 repository', '2 repositories']);
  });

  test.each([
    [0, '0.0 s'],
    [0.012, '<0.1 s'],
    [0.3, '0.3 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [3599.7, '1 h'],
    [7500, '2 h 5 min'],
    [86_399, '1 d'],
    [273_600, '3 d 4 h'],
  ])('shows %d seconds as %s', (value, text) => {
    expect(seconds(value)).toBe(text);
  });
});

describe('visible', () => {
  test.each([
    ['ESC', '\x1b[31mred', '\\x1b[31mred'],
    ['carriage return, newline and tab', 'a\rb\nc\td', 'a\\rb\\nc\\td'],
    ['NUL, bell and backspace', '\0\x07\b', '\\x00\\x07\\x08'],
    ['DEL and C1', '\x7f\x9b2J', '\\x7f\\x9b2J'],
    ['a right-to-left override', 'gpj\u202eexe', 'gpj\\u202eexe'],
    ['bidi isolates and marks', '\u2066\u2069\u200f', '\\u2066\\u2069\\u200f'],
    ['zero-width characters and a BOM', 'a\u200bb\u200dc\ufeff', 'a\\u200bb\\u200dc\\ufeff'],
    ['line and paragraph separators', '\u2028\u2029', '\\u2028\\u2029'],
    ['a no-break space and an ideographic space', '\u00a0\u3000', '\\xa0\\u3000'],
    ['a soft hyphen', 'no\u00adde', 'no\\xadde'],
    ['lone surrogates', '\ud800x\udc00', '\\ud800x\\udc00'],
    ['tag characters', 'a\u{e0041}', 'a\\u{e0041}'],
    ['fillers that look blank', '\u3164\u2800\u115f', '\\u3164\\u2800\\u115f'],
    ['a variation selector', 'a\ufe0f', 'a\\ufe0f'],
  ])('shows %s as escapes', (_, text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  test('leaves ordinary text of any language alone', () => {
    const text = 'library/nginx: Größe 12 → 日本語 עברית 😀 \\x1b';
    expect(visible(text)).toBe(text);
  });

  test('ends a text that is longer than the limit in an ellipsis', () => {
    expect(visible('abcdef', 6)).toBe('abcdef');
    expect(visible('abcdefg', 6)).toBe('abcde…');
    expect(visible('abcdefg', 1)).toBe('…');
    expect(visible('abcdefg', 0)).toBe('');
  });

  test('cuts neither an escape nor a character apart', () => {
    expect(visible('ab\x1b\x1b', 8)).toBe('ab\\x1b…');
    expect(visible('ab\u{e0041}cdefgh', 10)).toBe('ab…');
    expect(visible('abc😀def', 5)).toBe('abc…');
  });

  test('never lets anything hidden through, and keeps to its limit', () => {
    const hostile = fc.string({ unit: 'binary' });
    const lone = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
    const text = fc.array(fc.oneof(hostile, lone)).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 40 }), (raw, limit) => {
        expect(visible(raw)).not.toMatch(new RegExp(hidden, 'u'));
        const bounded = visible(raw, limit);
        expect(bounded).not.toMatch(new RegExp(hidden, 'u'));
        expect(bounded.length).toBeLessThanOrEqual(limit);
      }),
    );
  });

  test('stays quick on a huge text with a limit', () => {
    const started = performance.now();
    expect(visible('\x1b'.repeat(20_000_000), 200)).toHaveLength(197);
    expect(performance.now() - started).toBeLessThan(200);
  });
});
