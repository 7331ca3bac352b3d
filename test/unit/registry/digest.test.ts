import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf, isDigest, parseDigest, splitDigest } from '../../../src/registry/digest.ts';

const hex = (length: number): string => '0123456789abcdef'.repeat(8).slice(0, length);
const sha256 = `sha256:${hex(64)}`;

describe('a digest', () => {
  test.each([sha256, `sha384:${hex(96)}`, `sha512:${hex(128)}`])('is %s', (text) => {
    expect(parseDigest(text)).toBe(text);
    expect(isDigest(text)).toBe(true);
  });

  test.each([
    ['sha256', 64],
    ['sha384', 96],
    ['sha512', 128],
  ])('of %s has %i digits, not one more or less', (algorithm, digits) => {
    expect(isDigest(`${algorithm}:${'a'.repeat(digits)}`)).toBe(true);
    expect(isDigest(`${algorithm}:${'a'.repeat(digits - 1)}`)).toBe(false);
    expect(isDigest(`${algorithm}:${'a'.repeat(digits + 1)}`)).toBe(false);
  });

  test.each([
    ['empty', ''],
    ['without an algorithm', hex(64)],
    ['without hex', 'sha256:'],
    ['of the length of another algorithm', `sha512:${hex(64)}`],
    ['of an algorithm that the registry does not know', `sha1:${hex(40)}`],
    ['of a tarsum', `tarsum.v1+sha256:${hex(64)}`],
    ['in upper case', `sha256:${hex(64).toUpperCase()}`],
    ['of an algorithm in upper case', `SHA256:${hex(64)}`],
    ['before a line break', `${sha256}\n`],
    ['after white space', ` ${sha256}`],
    ['after another line', `x\n${sha256}`],
    ['after a byte order mark', `\ufeff${sha256}`],
    ['before NUL', `${sha256}\0`],
    ['named with a path', `sha256/${hex(64)}`],
    ['with a letter that only looks like one', `sha256:\u0430${hex(64).slice(1)}`],
  ])('is not what is %s', (_, text) => {
    expect(parseDigest(text)).toBeUndefined();
    expect(isDigest(text)).toBe(false);
  });

  test('is not what differs in any one character that is no hex digit', () => {
    fc.assert(
      fc.property(fc.nat(sha256.length - 1), fc.string({ unit: 'binary', maxLength: 2 }), (at, text) => {
        fc.pre(!/^[0-9a-f]$/.test(text) && text !== sha256[at]);
        expect(isDigest(sha256.slice(0, at) + text + sha256.slice(at + 1))).toBe(false);
      }),
    );
  });

  test('is split into what it is made of', () => {
    expect(splitDigest(sha256)).toEqual({ algorithm: 'sha256', hex: hex(64) });
    expect(splitDigest(`sha512:${hex(128)}`)).toEqual({ algorithm: 'sha512', hex: hex(128) });
  });
});

describe('the digest of bytes', () => {
  test('is their sha256', () => {
    // NIST, FIPS 180-4 examples.
    expect(digestOf(new Uint8Array())).toBe(
      'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(digestOf(new TextEncoder().encode('abc'))).toBe(
      'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  test('is that of the view, not of the memory behind it', () => {
    const memory = new Uint8Array([1, 2, 3, 4]);
    const expected = createHash('sha256')
      .update(Buffer.from([2, 3]))
      .digest('hex');
    expect(digestOf(memory.subarray(1, 3))).toBe(`sha256:${expected}`);
  });

  test('is always a digest', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => isDigest(digestOf(bytes))));
  });
});
