import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMasker, maskDeep } from '../../../src/mask.ts';
import { jsonPieces, renderJson } from '../../../src/report/json.ts';
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

test('is what JSON.stringify makes of it, lists being any iterables at its keys', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const lists = fc.dictionary(fc.string(), fc.array(value));
  fc.assert(
    fc.property(value, lists, (plain, some) => {
      const lazy = Object.entries(some).map(([key, list]) => [key, new Set(list)] as const);
      const document = { plain, lists: Object.fromEntries(lazy), none: undefined };
      const usual = { plain, lists: Object.fromEntries(lazy.map(([key, set]) => [key, [...set]])) };
      expect(JSON.parse(renderJson(document))).toEqual(JSON.parse(JSON.stringify(usual)));
      const printable = JSON.stringify(usual, null, 2).replace(/[^ -~\n]/g, '');
      expect(renderJson(document).replace(/\\u[0-9a-f]{4}|[^ -~\n]/g, '')).toBe(
        `${printable.replace(/\\u[0-9a-f]{4}/g, '')}\n`,
      );
    }),
  );
});

test('a list that is made when it is asked for is printed as it is made, with secrets masked', () => {
  let made = 0;
  const remove = {
    *[Symbol.iterator]() {
      for (; made < 100_000; made++) yield { key: `hunter22/${made}`, bytes: made };
    },
  };
  const mask = createMasker({ values: ['hunter22'], credentials: [] });
  const pieces = jsonPieces(maskDeep({ items: { remove } }, mask));
  const first = pieces.next().value ?? '';
  expect(made).toBeLessThan(5_000);
  const text = [first, ...pieces].join('');
  expect(made).toBe(100_000);
  expect(text).not.toContain('hunter22');
  expect(JSON.parse(text).items.remove.at(-1)).toEqual({ key: '***/99999', bytes: 99_999 });
});
