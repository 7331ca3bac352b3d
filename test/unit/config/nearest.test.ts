import { describe, expect, it } from 'vitest';
import { nearest } from '../../../src/config/nearest.ts';

const names = ['untagged', 'uploads', 'registry', 'keepWithin', 'url', 'tls'];

describe('nearest', () => {
  it.each([
    ['untaged', 'untagged'],
    ['untagegd', 'untagged'],
    ['upload', 'uploads'],
    ['Registry', 'registry'],
    ['keepwithin', 'keepWithin'],
    ['keep_within', 'keepWithin'],
    ['uri', 'url'],
  ])('takes %s for %s', (word, meant) => {
    expect(nearest(word, names)).toBe(meant);
  });

  it.each(['', 'x', 'policy', 'password', 'u'.repeat(100_000)])(
    'guesses nothing for what is far from all (%#)',
    (word) => {
      expect(nearest(word, names)).toBeUndefined();
    },
  );
});
