import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { palette, spread, wantsColor, width, wrap } from '../../src/screen.ts';

describe('wantsColor', () => {
  const terminal = { isTTY: true };
  const pipe = {};

  test('colours a terminal and no pipe', () => {
    expect(wantsColor(terminal, { TERM: 'xterm' })).toBe(true);
    expect(wantsColor(pipe, { TERM: 'xterm' })).toBe(false);
  });

  test('respects NO_COLOR unless it is empty', () => {
    expect(wantsColor(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColor(terminal, { NO_COLOR: '' })).toBe(true);
  });

  test('respects FORCE_COLOR before everything else', () => {
    expect(wantsColor(pipe, { FORCE_COLOR: '1', NO_COLOR: '1', TERM: 'dumb' })).toBe(true);
    expect(wantsColor(terminal, { FORCE_COLOR: '0' })).toBe(false);
  });

  test('does not colour a dumb terminal', () => {
    expect(wantsColor(terminal, { TERM: 'dumb' })).toBe(false);
  });
});

test('paints only when colours are wanted, whatever process.stdout is', () => {
  expect(palette(true).red('x')).toBe('\x1b[31mx\x1b[39m');
  expect(palette(false).red('x')).toBe('x');
});

describe('width', () => {
  test.each([
    ['abc', 3],
    ['→ ✔', 3],
    ['日本語', 6],
    ['한국', 4],
    ['é', 1],
    ['e\u0301', 1],
    ['😀', 2],
    ['\x1b[31mred\x1b[39m', 3],
  ])('of %j is %d columns', (text, columns) => {
    expect(width(text)).toBe(columns);
  });
});

describe('wrap', () => {
  test('breaks between words and indents what follows', () => {
    expect(wrap('the quick brown fox jumps', 12, '  ')).toEqual(['the quick', '  brown fox', '  jumps']);
  });

  test('breaks a path that is longer than a line behind its slashes', () => {
    expect(wrap('see /var/lib/registry/docker/v2', 16, '  ')).toEqual([
      'see /var/lib/',
      '  registry/',
      '  docker/v2',
    ]);
  });

  test('breaks what has no slash wherever the line ends', () => {
    expect(wrap(`at ${'ab'.repeat(8)} end`, 10, '  ')).toEqual(['at abababa', '  babababa', '  b end']);
  });

  test('counts a wide character as two columns', () => {
    expect(wrap('日本語日本語', 6)).toEqual(['日本語', '日本語']);
  });

  test('keeps every line within the columns and loses nothing but blanks', () => {
    const text = fc
      .array(fc.oneof(fc.string({ maxLength: 30 }), fc.constantFrom(' ', '日本', 'a'.repeat(50), '  ')))
      .map((parts) => parts.join(' '));
    fc.assert(
      fc.property(
        text,
        fc.integer({ min: 4, max: 40 }),
        fc.constantFrom('', '  '),
        (raw, columns, indent) => {
          const lines = wrap(raw, columns, indent);
          for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
          expect(lines.join('').replaceAll(' ', '')).toBe(raw.replaceAll(' ', ''));
        },
      ),
    );
  });
});

test('spreads two texts to both ends, and keeps them apart where there is no room', () => {
  expect(spread('left', 'right', 12)).toBe('left   right');
  expect(spread('left', 'right', 5)).toBe('left  right');
});
