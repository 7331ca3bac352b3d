import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTimeZone, isWithin, parseWindow } from '../../../src/config/window.ts';

const at = (text: string): Date => new Date(text);

describe('parseWindow', () => {
  it.each([
    ['01:00-05:00', 60, 300],
    ['00:00-23:59', 0, 1439],
    ['22:30-04:15', 1350, 255],
  ])('reads %s, and keeps the words', (text, from, to) => {
    expect(parseWindow(text)).toEqual({ from, to, text });
  });

  it.each(['', '1:00-5:00', '01:00', '01:00–05:00', '24:00-05:00', '01:60-05:00', '01:00-05:00\n', '01-05'])(
    'refuses %j',
    (text) => {
      expect(() => parseWindow(text)).toThrow('must be two times of the day such as');
    },
  );

  it('refuses a window that begins when it ends', () => {
    expect(() => parseWindow('03:00-03:00')).toThrow('begins when it ends');
  });
});

describe('isWithin', () => {
  it.each([
    ['01:00-05:00', '2026-01-15T00:59:59Z', false],
    ['01:00-05:00', '2026-01-15T01:00:00Z', true],
    ['01:00-05:00', '2026-01-15T04:59:59.999Z', true],
    ['01:00-05:00', '2026-01-15T05:00:00Z', false],
    ['22:30-04:00', '2026-01-15T22:29:59Z', false],
    ['22:30-04:00', '2026-01-15T23:59:59Z', true],
    ['22:30-04:00', '2026-01-16T00:00:00Z', true],
    ['22:30-04:00', '2026-01-16T04:00:00Z', false],
  ])('%s in UTC at %s: %s', (text, now, expected) => {
    expect(isWithin(parseWindow(text), 'UTC', at(now))).toBe(expected);
  });

  it('goes by the clocks of the time zone, in winter and in summer', () => {
    const window = parseWindow('01:00-05:00');
    expect(isWithin(window, 'Europe/Berlin', at('2026-01-15T00:00:00Z'))).toBe(true);
    expect(isWithin(window, 'Europe/Berlin', at('2026-01-15T04:00:00Z'))).toBe(false);
    expect(isWithin(window, 'Europe/Berlin', at('2026-07-15T00:00:00Z'))).toBe(true);
    expect(isWithin(window, 'Europe/Berlin', at('2026-07-15T03:00:00Z'))).toBe(false);
    expect(isWithin(window, 'Asia/Kathmandu', at('2026-07-14T19:15:00Z'))).toBe(true);
  });

  it('closes when the clocks jump over its end, and opens when they jump over its begin', () => {
    // In Berlin 02:00 to 03:00 did not exist on 2026-03-29.
    const ends = parseWindow('01:00-02:30');
    expect(isWithin(ends, 'Europe/Berlin', at('2026-03-29T00:59:59Z'))).toBe(true);
    expect(isWithin(ends, 'Europe/Berlin', at('2026-03-29T01:00:00Z'))).toBe(false);
    const begins = parseWindow('02:30-05:00');
    expect(isWithin(begins, 'Europe/Berlin', at('2026-03-29T00:59:59Z'))).toBe(false);
    expect(isWithin(begins, 'Europe/Berlin', at('2026-03-29T01:00:00Z'))).toBe(true);
  });

  it('is open at every minute either in a window or in the rest of the day', () => {
    const time = fc.tuple(fc.nat({ max: 23 }), fc.nat({ max: 59 }));
    const show = ([hour, minute]: [number, number]): string =>
      `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
    fc.assert(
      fc.property(time, time, fc.date({ noInvalidDate: true }), (from, to, date) => {
        fc.pre(show(from) !== show(to));
        const inside = isWithin(parseWindow(`${show(from)}-${show(to)}`), 'UTC', date);
        const outside = isWithin(parseWindow(`${show(to)}-${show(from)}`), 'UTC', date);
        expect(inside).toBe(!outside);
      }),
    );
  });
});

it('isTimeZone knows zones by their names', () => {
  expect(['UTC', 'Europe/Berlin', 'America/New_York'].every(isTimeZone)).toBe(true);
  expect(['', 'Berlin', 'Europe/Nowhere', 'UTC+25:00'].some(isTimeZone)).toBe(false);
});
