import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyProblem } from '../../../src/storage/key.ts';
import { isRawName, nameOfBytes, withoutRawMark } from '../../../src/storage/raw-name.ts';

/** Names as a file system may hold them: bytes but NUL and slash. */
const fileName = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0 && byte !== 0x2f)))
  .filter((bytes) => bytes.length > 0 && !['.', '..'].includes(bytes.toString('latin1')));
/** Close to one another: invalid bytes, and what they are written as. */
const confusable = fc
  .array(fc.constantFrom('\xff', '\xc3', '\xa9', '\\', 'x', 'f', 'f', '\\xff', '5c', '\x7f', '\n'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

describe('a name of bytes', () => {
  it('stands as it is when it is UTF-8', () => {
    for (const name of ['link', 'caf\u00e9', 'new\nline', 'back\\slash', '\ufffd', '😀', '\u0080']) {
      expect(nameOfBytes(Buffer.from(name))).toBe(name);
      expect(isRawName(nameOfBytes(Buffer.from(name)))).toBe(false);
    }
  });

  it('is written in ASCII when it is not', () => {
    const name = nameOfBytes(Buffer.from('a\\b \xe9~\x1b\x7f', 'latin1'));
    expect(name).toBe('a\\x5cb \\xe9~\\x1b\\x7f\0');
    expect(withoutRawMark(name)).toBe('a\\x5cb \\xe9~\\x1b\\x7f');
    expect(withoutRawMark('plain')).toBe('plain');
  });

  it('is never that of another, and is a good key just when it is UTF-8', () => {
    const bytes = fc.oneof(fileName, confusable);
    fc.assert(
      fc.property(bytes, bytes, (one, other) => {
        expect(nameOfBytes(one) === nameOfBytes(other)).toBe(one.equals(other));
        const addressed = keyProblem(nameOfBytes(one)) === undefined;
        expect(addressed).toBe(Buffer.from(one.toString('utf8')).equals(one));
        if (addressed) expect(Buffer.from(nameOfBytes(one)).equals(one)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
