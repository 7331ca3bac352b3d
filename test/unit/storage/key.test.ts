import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileKeyProblem, keyProblem, parentOf, prefixProblem } from '../../../src/storage/key.ts';

describe('a key', () => {
  it('is good when it names something below the root', () => {
    for (const key of ['a', 'a/', 'a/b', '.hidden', '...', '..a', 'a..', ' ', 'a\nb', '-', '\\', 'c:']) {
      expect(keyProblem(key), key).toBeUndefined();
    }
  });

  it('never leads out of the root, nor to what another good key names', () => {
    const part = fc.constantFrom('', '.', '..', 'a', 'b', '...', '\n');
    const key = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(key, (path) => {
        if (keyProblem(path) !== undefined) return;
        const plain = path.replace(/\/$/, '');
        expect(resolve('/root', path)).toBe(`/root/${plain}`);
        expect(join('/root', path).replace(/\/$/, '')).toBe(`/root/${plain}`);
      }),
      { numRuns: 2_000 },
    );
  });

  it('of a file has no slash at its end, a prefix has one or is empty', () => {
    expect(fileKeyProblem('a/b')).toBeUndefined();
    expect(fileKeyProblem('a/')).toBe('a directory is no file');
    expect(prefixProblem('')).toBeUndefined();
    expect(prefixProblem('a/')).toBeUndefined();
    expect(prefixProblem('a')).toBe('a prefix ends with a slash');
    expect(prefixProblem('/')).toBeDefined();
  });

  it('has a parent', () => {
    expect(['a', 'a/', 'a/b', 'a/b/', 'a/b/c'].map(parentOf)).toEqual(['', '', 'a/', 'a/', 'a/b/']);
  });
});
