import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLines, createOutput, longestLine, type Sink } from '../../../src/engine/output.ts';

function frame(stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Hands `bytes` over in pieces of the sizes given, the last of them again and again. */
function pour(sink: Sink, bytes: Uint8Array, sizes: readonly number[]): void {
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes[index] ?? sizes.at(-1) ?? bytes.length;
    sink.write(bytes.subarray(at, at + size));
    at += size;
  }
  sink.end();
}

function linesOf(bytes: Uint8Array, sizes: readonly number[] = []): readonly string[] {
  const lines: string[] = [];
  pour(
    createLines((line) => lines.push(line)),
    bytes,
    sizes,
  );
  return lines;
}

const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });
const text = fc.string({ unit: fc.constantFrom('a', 'ä', '€', '🐳', '\n', '\r', ' ') });

describe('lines', () => {
  test.each([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['\n', ['']],
    ['a\n\nb', ['a', '', 'b']],
    ['a\r\nb\r', ['a\r', 'b\r']],
  ])('of %j are %j', (given, lines) => {
    expect(linesOf(Buffer.from(given))).toEqual(lines);
  });

  test('are the same however the bytes come', () => {
    // fast-check reports the seed of a failure.
    fc.assert(
      fc.property(text, sizes, (given, pieces) => {
        const whole = given.split('\n');
        if (whole.at(-1) === '') whole.pop();
        expect(linesOf(Buffer.from(given), pieces)).toEqual(whole);
      }),
    );
  });

  test('are cut where they are too long, and go on with the next', () => {
    const long = 'x'.repeat(longestLine);
    expect(linesOf(Buffer.from(`${long}yyy\nnext\n${long}`), [100_000])).toEqual([long, 'next', long]);
  });

  test('show what is no UTF-8 as such, and lose nothing behind it', () => {
    expect(linesOf(Buffer.from([0x61, 0xff, 0x0a, 0xe2, 0x82]), [1])).toEqual(['a\ufffd', '\ufffd']);
  });
});

describe('output of two streams', () => {
  const collect = (options = { tty: false }) => {
    const lines: [string, string][] = [];
    return { lines, sink: createOutput((line, stream) => lines.push([stream, line]), options) };
  };

  test('is the same however frames, lines and characters are cut', () => {
    const frames = fc.array(fc.tuple(fc.constantFrom(0, 1, 2), fc.uint8Array({ maxLength: 12 })));
    fc.assert(
      fc.property(text, text, frames, sizes, sizes, (out, err, others, payloads, pieces) => {
        // The bytes of both, cut into payloads of any size, one after another in turns.
        const chunks = [...cut(1, Buffer.from(out), payloads), ...cut(2, Buffer.from(err), payloads)];
        chunks.sort((a, b) => a.at - b.at);
        const all = [
          ...chunks.map(({ bytes }) => bytes),
          ...others.map(([kind]) => frame(kind, Buffer.alloc(0))),
        ];
        const { lines, sink } = collect();
        pour(sink, Buffer.concat(all), pieces);
        const of = (stream: string) => lines.filter(([name]) => name === stream).map(([, line]) => line);
        expect(of('stdout')).toEqual(linesOf(Buffer.from(out)));
        expect(of('stderr')).toEqual(linesOf(Buffer.from(err)));
      }),
    );
  });

  test('comes in the order in which lines end', () => {
    const { lines, sink } = collect();
    const bytes = [
      frame(1, Buffer.from('one ')),
      frame(2, Buffer.from('two\n')),
      frame(1, Buffer.from('three\n')),
    ];
    pour(sink, Buffer.concat(bytes), [3]);
    expect(lines).toEqual([
      ['stderr', 'two'],
      ['stdout', 'one three'],
    ]);
  });

  test('that is cut off in a frame or in its header is an error, after the lines that came', () => {
    for (const missing of [1, 5, 6, 12]) {
      const { lines, sink } = collect();
      const bytes = Buffer.concat([frame(1, Buffer.from('one\n')), frame(2, Buffer.from('two!\n'))]);
      expect(() => pour(sink, bytes.subarray(0, -missing), [7])).toThrow(/cut off/);
      expect(lines[0]).toEqual(['stdout', 'one']);
    }
  });

  test('that is not framed is an error and no guess', () => {
    expect(() => pour(collect().sink, Buffer.from('registry: a plain text'), [3])).toThrow(/not framed/);
  });

  test('of a terminal is one stream, not framed', () => {
    const { lines, sink } = collect({ tty: true });
    pour(sink, Buffer.from('one\r\ntwo'), [2]);
    expect(lines).toEqual([
      ['stdout', 'one\r'],
      ['stdout', 'two'],
    ]);
  });
});

function cut(stream: number, bytes: Uint8Array, payloads: readonly number[]) {
  const found: { at: number; bytes: Uint8Array }[] = [];
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const size = payloads[index % payloads.length] ?? 1;
    found.push({ at, bytes: frame(stream, bytes.subarray(at, at + size)) });
    at += size;
  }
  return found;
}
