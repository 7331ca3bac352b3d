import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeOwner, lifeOf, ownerText, parseOwner, selfAsOwner } from '../../../src/pipeline/owner.ts';
import { change, changed, damaged, fuzz } from '../../support/fuzz.ts';

const self = selfAsOwner('20260101T000000-00000000');
const owners = [
  self,
  { ...self, container: 'c'.repeat(64), beat: 4711 },
  { ...self, pid: 4_194_304, host: 'é💥' },
];
const texts = owners.map((owner) => Buffer.from(ownerText(owner)));

describe('a lock', () => {
  it('is read as it was written', () => {
    expect(owners.map((owner) => parseOwner(ownerText(owner)))).toEqual(owners);
  });

  fuzz(
    'of which a place is damaged never makes a living owner a dead one',
    { usual: 8_000 },
    fc.record({ which: fc.nat(1), what: change }),
    ({ which, what }) => {
      const owner = parseOwner(
        changed(texts[which] ?? Buffer.alloc(0), [what], texts.slice(0, 2)).toString(),
      );
      if (owner !== undefined) expect(lifeOf(owner)).toBe('alive');
    },
  );

  fuzz(
    'whatever is in it has an owner or has none',
    { usual: 8_000 },
    damaged([...texts, '{', '[]', JSON.stringify(self)]),
    (bytes) => {
      const owner = parseOwner(bytes.toString());
      expect(describeOwner(owner)).toMatch(/^(?:an owner that cannot be read$|run )/);
      if (owner === undefined) return;
      expect(['alive', 'dead', 'unknown']).toContain(lifeOf(owner));
      expect(parseOwner(ownerText(owner))).toEqual(owner);
    },
  );

  it.each(['['.repeat(5_000_000), `{"run":${'{"a":'.repeat(500_000)}`, '9'.repeat(5_000_000)])(
    'of megabytes has none (%#)',
    (text) => {
      expect(parseOwner(text)).toBeUndefined();
    },
  );
});
