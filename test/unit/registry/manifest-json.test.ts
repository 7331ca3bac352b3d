import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldKey, readJson } from '../../../src/registry/manifest-json.ts';
import { encode } from './manifest-samples.ts';

function read(text: string): ReturnType<typeof readJson> {
  return readJson(encode(text));
}

describe('JSON', () => {
  test('is read as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(read(text)).toEqual({ value: JSON.parse(text) });
      }),
    );
  });

  test('is read from the view, not from the memory behind it', () => {
    expect(readJson(encode('x{"a":1}x').subarray(1, -1))).toEqual({ value: { a: 1 } });
  });

  test.each([
    ['nothing', ''],
    ['half of it', '{"a":1'],
    ['more than one', '{}{}'],
    ['a byte order mark', '\ufeff{}'],
    ['comments', '{}//'],
    ['a trailing comma', '{"a":1,}'],
    ['control characters in strings', '{"a":"\n"}'],
    ['an open string', '{"a":"\\'],
    ['NUL behind it', '{}\0'],
    ['gzip', '\u001f\u008b\b'],
  ])('is not %s', (_, text) => {
    expect(read(text)).toEqual({ why: 'not JSON' });
  });

  test.each([
    ['at the top', '{"a":1,"b":2,"a":1}'],
    ['deep inside', '{"a":[{"b":{"c":1,"c":2}}]}'],
    ['spelled with an escape', '{"a":1,"\\u0061":2}'],
    ['of the prototype', '{"__proto__":1,"__proto__":2}'],
    ['with colons, quotes and braces in it', '{"\\":{":1,"\\":{":2}'],
    ['that bytes which are not UTF-8 turn into', '{"\ufffd":1,"\\ufffd":2}'],
  ])('with a key twice %s is refused', (_, text) => {
    expect(read(text)).toEqual({ why: 'a key occurs twice in one object' });
  });

  test.each([
    ['in two objects', '[{"a":1},{"a":1}]'],
    ['as key and value', '{"a":"a","b":":{a:"}'],
    ['with backslashes before the quote', '{"a\\\\":1,"a":"\\\\\\"","b":"\\\\"}'],
    ['that is the prototype', '{"__proto__":{"a":1},"constructor":2,"toString":3}'],
  ])('with text that recurs %s is not', (_, text) => {
    expect(read(text)).toEqual({ value: JSON.parse(text) });
  });

  test('with any key of it repeated is refused', () => {
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { minKeys: 1 });
    fc.assert(
      fc.property(object, fc.nat(), (value, n) => {
        const keys = Object.keys(value);
        const again = JSON.stringify(keys[n % keys.length]);
        expect(read(JSON.stringify(value).replace(/}$/, () => `,${again}:0}`))).toHaveProperty('why');
      }),
    );
  });

  test('keeps a prototype to itself', () => {
    const result = read('{"__proto__":{"layers":[]}}');
    expect('value' in result && (result.value as { layers?: unknown }).layers).toBeUndefined();
  });

  test.each(['2.0', '2e0', '2E0', '20e-1', '0.2E1'])(
    'with the schema version %s is refused, as by Go',
    (number) => {
      const why = '"schemaVersion" is not written as an integer';
      expect(read(`{"schemaVersion": ${number}}`)).toEqual({ why });
      expect(read(`{"SCHEMAVERſION":${number}}`)).toEqual({ why });
      expect(read(`{"b":true,"x":[{"size":${number}}]}`)).toEqual({
        why: '"size" is not written as an integer',
      });
      expect(read(`{"other":${number},"schemaVersion":2,"size":-0,"b":[true,false,null]}`)).toHaveProperty(
        'value',
      );
    },
  );

  test('may be nested as deep as Go goes, and no deeper', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(read(nested(10_000))).toHaveProperty('value');
    expect(read(nested(10_001))).toEqual({ why: 'nested deeper than 10000 levels' });
    expect(read('['.repeat(4_000_000))).toEqual({ why: 'nested deeper than 10000 levels' });
    expect(read('{"a":'.repeat(800_000))).toEqual({ why: 'nested deeper than 10000 levels' });
  });

  test('with bytes in a string that are not UTF-8 is read, as by Go', () => {
    const bytes = encode('{"name":"caf?"}');
    bytes[bytes.indexOf(0x3f)] = 0xe9;
    expect(readJson(bytes)).toEqual({ value: { name: 'caf\ufffd' } });
  });

  test('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void readJson(bytes)));
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      'e',
      '.',
      '1',
      'true',
      '"a"',
      'null',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        const result = read(text);
        if (!valid) expect(result).toHaveProperty('why');
      }),
      { numRuns: 2_000 },
    );
  });
});

test('keys are folded as Go does', () => {
  expect(['Layers', 'LAYERS', 'layerſ'].map(foldKey)).toEqual(Array(3).fill(foldKey('layers')));
  expect(foldKey('\u212aind')).toBe(foldKey('kind'));
  expect(foldKey('layer')).not.toBe(foldKey('layers'));
});
