import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderJson } from '../../../src/report/json.ts';
import { documentOf } from './documents.ts';

test('is one document that parses to what it was made of', () => {
  const document = documentOf();
  const text = renderJson(document);
  expect(JSON.parse(text)).toEqual(document);
  expect(text.endsWith('}\n')).toBe(true);
});

test('escapes what a terminal would act on or hide, and what it hides beyond the first plane', () => {
  const warnings = ['\x1b[2J\x7f\x9b\u202e\u200b\u{e0041}\ud800', 'plain → 日本語 😀'];
  const text = renderJson(documentOf({ warnings }));
  expect(text).toContain('"\\u001b[2J\\u007f\\u009b\\u202e\\u200b\\udb40\\udc41\\ud800"');
  expect(text).toContain('"plain → 日本語 😀"');
  expect(JSON.parse(text).warnings).toEqual(warnings);
});

test('stays valid and the same whatever the texts are, keys included', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  );
  fc.assert(
    fc.property(fc.dictionary(text, fc.array(text)), (data) => {
      const rendered = renderJson(data);
      expect(JSON.parse(rendered)).toEqual(JSON.parse(JSON.stringify(data)));
      expect(rendered.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
  );
});
