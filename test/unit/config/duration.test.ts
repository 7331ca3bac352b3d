import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/config/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['0s', 0],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['168h', 604_800_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1w1d1h1m1s', 694_861_000],
  ])('reads %s as %d ms and keeps the words', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ms, text });
  });

  it.each(['0', '60', '1.5'])('asks for a unit where there is only the number %s', (text) => {
    expect(() => parseDuration(text)).toThrow(`write "${text}s" for seconds`);
  });

  it('says of a negative duration that it is negative', () => {
    expect(() => parseDuration('-1h')).toThrow('must not be negative');
  });

  it.each(['', ' 1h', '1h ', '1H', '30m1h', '1h1h', '1.5h', '1e3s', '1y', 'h', '１h', '1h\n', '10ms'])(
    'refuses %j',
    (text) => {
      expect(() => parseDuration(text)).toThrow('must be a duration such as');
    },
  );

  it.each(['9007199254741s', '99999999999999999999w', `${'9'.repeat(400)}d`])(
    'refuses %s, which overflows',
    (text) => {
      expect(() => parseDuration(text)).toThrow('longer than can be counted');
    },
  );

  it('reads whatever is composed of units, biggest first', () => {
    const part = fc.option(fc.nat(10_000), { nil: undefined });
    fc.assert(
      fc.property(part, part, part, part, part, (w, d, h, m, s) => {
        const parts = Object.entries({ w, d, h, m, s }).filter(([, count]) => count !== undefined);
        fc.pre(parts.length > 0);
        const seconds = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 } as const;
        const ms = 1_000 * parts.reduce((sum, [unit, count]) => sum + (count ?? 0) * seconds[unit as 'w'], 0);
        expect(parseDuration(parts.map(([unit, count]) => `${count}${unit}`).join(''))).toMatchObject({ ms });
      }),
    );
  });
});
