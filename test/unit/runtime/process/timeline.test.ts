import { expect, test } from 'vitest';
import { createTimeline } from '../../../../src/runtime/timeline.ts';

function timeline() {
  let ms = 0;
  const measured = createTimeline(() => ms);
  return {
    ...measured,
    at(time: number) {
      ms = time;
      return measured;
    },
  };
}

test('pulls are out before the stand-in answers and after it is ended', () => {
  const line = timeline();
  line.at(1_000).closing();
  line.at(1_500).standInServes();
  line.at(9_000).standInEnds();
  line.at(9_200).open();
  expect(line.at(60_000).window()).toEqual({ readOnlySeconds: 8.2, unavailableSeconds: 0.7 });
});

test('without a stand-in, pulls are out as long as pushes', () => {
  const line = timeline();
  line.at(1_000).closing();
  line.at(5_000).open();
  expect(line.window()).toEqual({ readOnlySeconds: 4, unavailableSeconds: 4 });
});

test('grows until the registry is open again, and does not shrink when undone twice', () => {
  const line = timeline();
  line.at(0).closing();
  line.at(1_000).standInServes();
  expect(line.at(3_000).window()).toEqual({ readOnlySeconds: 3, unavailableSeconds: 1 });
  line.at(4_000).standInEnds();
  expect(line.at(6_000).window()).toEqual({ readOnlySeconds: 6, unavailableSeconds: 3 });
  line.at(7_000).open();
  line.at(8_000).standInEnds();
  line.at(9_000).open();
  expect(line.window()).toEqual({ readOnlySeconds: 7, unavailableSeconds: 4 });
});

test('a registry that did not run was not made unavailable', () => {
  const line = timeline();
  expect(line.window()).toEqual({ readOnlySeconds: 0, unavailableSeconds: 0 });
  line.at(1_000).standInServes();
  line.at(3_000).standInEnds();
  line.at(4_000).open();
  expect(line.window()).toEqual({ readOnlySeconds: 2, unavailableSeconds: 0 });
});

test('a stand-in that ends by itself, early or before it ever served, makes for a longer outage', () => {
  const line = timeline();
  line.at(1_000).closing();
  line.at(1_500).standInServes();
  line.at(3_000).standInEnds();
  line.at(9_000).standInEnds();
  line.at(9_500).open();
  expect(line.window()).toEqual({ readOnlySeconds: 8.5, unavailableSeconds: 7 });

  const stillborn = timeline();
  stillborn.at(1_000).closing();
  stillborn.at(1_200).standInEnds();
  stillborn.at(1_500).standInServes();
  stillborn.at(5_000).open();
  expect(stillborn.window()).toEqual({ readOnlySeconds: 4, unavailableSeconds: 4 });
});
