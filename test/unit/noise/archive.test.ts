import { execFileSync } from 'node:child_process';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gzipStored, tar } from '../../../src/noise/archive.ts';
import { randomBytes } from '../../../src/noise/random.ts';

function list(archive: Uint8Array): string {
  return execFileSync('tar', ['--list', '--verbose', '--utc', '--full-time', '--numeric-owner'], {
    input: archive,
    encoding: 'utf8',
  });
}

describe('tar', () => {
  it("makes what tar itself reads, down to the file's owner and time", () => {
    const archive = tar([{ name: 'noise-1', content: randomBytes('a', 700), modified: 86_400 }]);
    expect(list(archive).trim()).toMatch(/^-rw-r--r-- 0\/0\s+700 1970-01-02 00:00:00 noise-1$/);
    const content = execFileSync('tar', ['--extract', '--to-stdout'], { input: archive });
    expect(new Uint8Array(content)).toEqual(new Uint8Array(randomBytes('a', 700)));
  });

  it.each([0, 1, 511, 512, 513])('fills up the block after %i bytes', (size) => {
    const archive = tar([
      { name: 'first', content: randomBytes('a', size), modified: 0 },
      { name: 'second', content: randomBytes('b', 3), modified: 0 },
    ]);
    expect(archive.length % 512).toBe(0);
    expect(list(archive)).toMatch(new RegExp(`\\b${size} .* first\\n.*\\b3 .* second\\n$`));
  });
});

describe('gzipStored', () => {
  it.each([0, 1, 65_535, 65_536, 200_000])('wraps %i bytes so that they come out again', (size) => {
    const bytes = randomBytes('gzip', size);
    expect(new Uint8Array(gunzipSync(gzipStored(bytes)))).toEqual(new Uint8Array(bytes));
  });
});
