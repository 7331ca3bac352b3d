import { expect, test } from 'vitest';
import { steps } from '../../../src/pipeline/steps.ts';
import { progressText, titleOf, undoTitleOf } from '../../../src/view/words.ts';

test.each([
  [
    { done: 12_340, total: 30_000, text: 'manifests', bytes: 1.2 * 2 ** 30 },
    '12,340 of 30,000 manifests (41 %), 1.2 GiB',
  ],
  [{ done: 12_340, text: 'blobs', bytes: 2 ** 20 }, '12,340 blobs, 1 MiB'],
  [{ done: 3, total: 10 }, '3 of 10 (30 %)'],
  [{ done: 0, total: 0, text: 'manifests' }, '0 of 0 manifests'],
  [{ done: 11, total: 10, text: 'blobs' }, '11 of 10 blobs (100 %)'],
  [{ text: 'waiting for 2 uploads' }, 'waiting for 2 uploads'],
  [{ bytes: 1024 }, '1 KiB'],
  [{}, ''],
])('tells the progress %j', (figures, text) => {
  expect(progressText(figures)).toBe(text);
});

test('has words for every step and its undo', () => {
  for (const { id, title } of steps) {
    expect(titleOf(id)).toBe(title);
    expect(undoTitleOf(id)).not.toBe('');
  }
  expect(undoTitleOf('stop')).toBe('Starting the live registry again');
});
