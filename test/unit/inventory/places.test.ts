import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Places } from '../../../src/inventory/places.ts';

describe('places in a list', () => {
  it('are found in whatever order they are asked for', () => {
    const keys = fc.uniqueArray(fc.string(), { maxLength: 20 });
    const asked = fc.array(fc.nat(), { maxLength: 60 });
    fc.assert(
      fc.property(keys, asked, (keys, asked) => {
        const places = new Places(keys.length, (place) => keys[place]);
        for (const number of asked) {
          const key = number % 5 === 0 ? `none ${number}` : (keys[number % Math.max(keys.length, 1)] ?? '');
          expect(places.of(key)).toBe(keys.indexOf(key));
        }
      }),
    );
  });

  it('are found without a map where they are asked for in their order', () => {
    const keys = Array.from({ length: 1_000 }, (_, number) => `${number}`);
    let looks = 0;
    const places = new Places(keys.length, (place) => {
      looks++;
      return keys[place];
    });
    for (const [place, key] of keys.entries()) expect(places.of(key)).toBe(place);
    expect(looks).toBe(keys.length);
  });
});
