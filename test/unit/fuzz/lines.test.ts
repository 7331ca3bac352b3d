import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLines, createOutput, longestLine, type OutputStream } from '../../../src/engine/output.ts';
import { visible } from '../../../src/format.ts';
import { parseChallenges } from '../../../src/registry/auth-challenge.ts';
import { type CollectorLine, parseCollectorLine } from '../../../src/registry/collector-output.ts';
import { damaged, fuzz } from '../../support/fuzz.ts';

const captures = new URL('../../fixtures/collector/', import.meta.url);
const outputs = readdirSync(captures).map((name) => readFileSync(new URL(name, captures)));
const lines = [...new Set(outputs.flatMap((output) => output.toString().split('\n')))];

/** A line of the collector as it would have been printed; where it holds more than we read, a pattern. */
function printed(line: CollectorLine): string | RegExp {
  switch (line.kind) {
    case 'repository':
      return line.name;
    case 'marking-manifest':
      return `${line.repository}: marking manifest ${line.digest} `;
    case 'marking-blob':
      return `${line.repository}: marking blob ${line.digest}`;
    case 'layer-link-eligible':
      return `${line.repository}: layer link eligible for deletion: ${line.digest}`;
    case 'blob-eligible':
      return `blob eligible for deletion: ${line.digest}`;
    case 'manifest-eligible':
      return line.repository === undefined
        ? `manifest eligible for deletion: ${line.digest}`
        : new RegExp(
            `^manifest eligible for deletion: \\{${line.repository.replaceAll('.', '\\.')} ${line.digest} \\[.*\\]\\}$`,
            's',
          );
    case 'tags-path-missing':
      return `manifest tags path of repository ${line.repository} does not exist`;
    case 'summary':
      return new RegExp(
        `^0*${line.marked} blobs marked, 0*${line.blobs} blobs and 0*${line.manifests} manifests eligible for deletion$`,
      );
    case 'other':
      return line.text;
  }
}

describe("the collector's output", () => {
  fuzz(
    'no line is read as what it does not say to the letter',
    { usual: 18_000 },
    damaged(lines, 3),
    (bytes) => {
      const text = bytes.toString();
      const said = printed(parseCollectorLine(text));
      if (typeof said === 'string') expect(text).toBe(said);
      else expect(text).toMatch(said);
    },
  );

  fuzz(
    'comes in the same lines however it is cut into pieces, and none of them is too long',
    { usual: 4_000 },
    fc.record({ bytes: damaged(outputs), cuts: fc.array(fc.nat(3_000), { maxLength: 8 }) }),
    ({ bytes, cuts }) => {
      const whole: string[] = [];
      const pieces: string[] = [];
      const one = createLines((line) => whole.push(line));
      one.write(bytes);
      one.end();
      const many = createLines((line) => pieces.push(line));
      let from = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
        many.write(bytes.subarray(from, cut));
        from = Math.max(from, cut);
      }
      many.end();
      expect(pieces).toEqual(whole);
      const text = bytes.toString();
      expect(whole).toEqual(text.split('\n').slice(0, text.endsWith('\n') || text === '' ? -1 : undefined));
    },
  );

  it('a line without end is cut, and takes no more memory than that', () => {
    const seen: number[] = [];
    const sink = createLines((line) => seen.push(line.length));
    for (let n = 0; n < 64; n++) sink.write(Buffer.alloc(1024 * 1024, 'x'));
    sink.write(Buffer.from('\nend\n'));
    expect(seen).toEqual([longestLine, 3]);
  });
});

function frame(stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

const framed = outputs.map((output, index) =>
  Buffer.concat(
    output
      .toString()
      .split(/(?<=\n)/)
      .map((line, at) => frame(1 + ((at + index) % 2), Buffer.from(line))),
  ),
);

describe('the output of a container', () => {
  fuzz(
    'damaged frames are told, or what is in them comes whole',
    { usual: 6_000 },
    damaged(framed, 3),
    (bytes) => {
      const got: Record<OutputStream, string> = { stdout: '', stderr: '' };
      const sink = createOutput(
        (line, stream) => {
          got[stream] += `${line}\n`;
        },
        { tty: false },
      );
      try {
        // In two pieces, so that headers are cut as well.
        sink.write(bytes.subarray(0, bytes.length / 3));
        sink.write(bytes.subarray(bytes.length / 3));
        sink.end();
      } catch (error) {
        expect(String(error)).toMatch(
          /^Error: the output (?:is not framed as the Engine API says|was cut off in the middle)$/,
        );
        return;
      }
      let at = 0;
      const want: Record<OutputStream, Buffer[]> = { stdout: [], stderr: [] };
      while (at < bytes.length) {
        const end = at + 8 + bytes.readUInt32BE(at + 4);
        want[bytes[at] === 2 ? 'stderr' : 'stdout'].push(bytes.subarray(at + 8, end));
        at = end;
      }
      expect(at).toBe(bytes.length);
      for (const stream of ['stdout', 'stderr'] as const) {
        const text = Buffer.concat(want[stream]).toString();
        expect(got[stream]).toBe(text === '' || text.endsWith('\n') ? text : `${text}\n`);
      }
    },
  );
});

describe('a WWW-Authenticate header', () => {
  const headers = [
    'Bearer realm="https://auth.example.org/token",service="registry.example.org",scope="repository:team/app:pull,push"',
    'Basic realm="Registry \\"Realm\\""',
    'Negotiate YII=, Basic realm=x, Bearer realm = "https://x/?a=b", error="invalid_token"',
  ];
  fuzz(
    'is read as far as it is one, and tells nothing that does not stand in it',
    { usual: 10_000 },
    damaged(headers),
    (bytes) => {
      const header = bytes.toString('latin1');
      const plain = header.replaceAll('\\', '').toLowerCase();
      for (const { scheme, params } of parseChallenges(header)) {
        expect(scheme).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
        expect(plain).toContain(scheme);
        for (const [name, value] of params) {
          expect(plain).toContain(name);
          expect(plain).toContain(value.replaceAll('\\', '').toLowerCase());
        }
      }
    },
  );

  it.each([
    'a '.repeat(32_000),
    'a=,'.repeat(20_000),
    `a ${'b="'.repeat(20_000)}`,
    `a b="${'\\'.repeat(60_000)}`,
    ' '.repeat(64_000),
    `a ${'='.repeat(60_000)}`,
    `a ${'x'.repeat(60_000)}`,
  ])('of 60 KB is read all the same (%#)', (header) => {
    expect(parseChallenges(header).length).toBeLessThanOrEqual(32_000);
  });
});

describe('a name from outside', () => {
  fuzz(
    'never reaches a terminal with what that would act on, or an eye not see',
    { usual: 10_000 },
    fc.record({ bytes: damaged([...lines, 'team/app']), limit: fc.nat(80) }),
    ({ bytes, limit }) => {
      const shown = visible(bytes.toString());
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u00a0\u3000]/u);
      expect(visible(bytes.toString(), limit).length).toBeLessThanOrEqual(limit);
    },
  );
});
