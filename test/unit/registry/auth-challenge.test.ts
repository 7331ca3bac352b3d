import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../src/registry/auth-challenge.ts';

function read(header: string) {
  return parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);
}

describe('parseChallenges', () => {
  it("reads distribution's Bearer challenge, whose scope has commas of its own", () => {
    expect(read('Bearer realm="https://a.test/token",service="r",scope="repository:a:pull,push"')).toEqual([
      ['bearer', { realm: 'https://a.test/token', service: 'r', scope: 'repository:a:pull,push' }],
    ]);
  });

  it('reads several challenges in one header', () => {
    expect(read('Basic realm="x", Bearer realm=y , service = "z"')).toEqual([
      ['basic', { realm: 'x' }],
      ['bearer', { realm: 'y', service: 'z' }],
    ]);
  });

  it('takes escaped quotes for part of the text', () => {
    expect(read('Basic realm="a \\"b\\" \\\\ c"')).toEqual([['basic', { realm: 'a "b" \\ c' }]]);
  });

  it('takes names of schemes and parameters whatever their case', () => {
    expect(read('BEARER Realm="x"')).toEqual([['bearer', { realm: 'x' }]]);
  });

  it('steps over what other schemes send in place of parameters', () => {
    expect(read('Negotiate YWJj==, Basic realm="x"')).toEqual([
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ]);
  });

  it('keeps the first of two parameters of the same name', () => {
    expect(read('Bearer realm="first",realm="second"')).toEqual([['bearer', { realm: 'first' }]]);
  });

  it('stops at what it does not understand, and keeps what came before', () => {
    expect(read('Basic realm="x", Bearer realm="unterminated')).toEqual([
      ['basic', { realm: 'x' }],
      ['bearer', {}],
    ]);
    expect(read('"')).toEqual([]);
    expect(read('')).toEqual([]);
  });

  it('comes to an end with any header, without throwing', () => {
    const pieces = fc.constantFrom('Basic', 'Bearer', ' ', ',', '=', '"', '\\', 'realm', 'a', '\u0000', 'é');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        expect(Array.isArray(parseChallenges(parts.join('')))).toBe(true);
      }),
    );
  });

  it('is quick with a header as long as one can be', () => {
    const started = performance.now();
    parseChallenges(`Bearer realm="${'\\'.repeat(16_000)}`);
    parseChallenges('a='.repeat(8_000));
    parseChallenges(`a ${'='.repeat(16_000)}`);
    parseChallenges(`a ${'b'.repeat(16_000)}"`);
    expect(performance.now() - started).toBeLessThan(500);
  });
});
