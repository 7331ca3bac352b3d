import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CollectorLine, parseCollectorLine } from '../../../src/registry/collector-output.ts';

const captures = new URL('../../fixtures/collector/', import.meta.url);
const digest = `sha256:${'0a'.repeat(32)}`;

/** What a really captured output says, without its last, empty line. */
function captured(name: string): CollectorLine[] {
  return readFileSync(new URL(name, captures), 'utf8').split('\n').slice(0, -1).map(parseCollectorLine);
}

function ofKind<K extends CollectorLine['kind']>(
  lines: readonly CollectorLine[],
  kind: K,
): Extract<CollectorLine, { kind: K }>[] {
  return lines.filter((line): line is Extract<CollectorLine, { kind: K }> => line.kind === kind);
}

function tally(lines: readonly CollectorLine[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of lines) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

describe('output as captured', () => {
  const whole = readdirSync(captures).filter((name) => !name.includes('forged') && !/2.*never/.test(name));

  test.each(whole)('%s has no line that is not understood, but the blank one before the summary', (name) => {
    const lines = captured(name);
    const others = lines.flatMap((line, i) => (line.kind === 'other' ? [{ i, text: line.text }] : []));
    expect(others).toEqual([{ i: lines.findIndex((line) => line.kind === 'summary') - 1, text: '' }]);
  });

  test.each([
    ['2.8.2-dry-run.txt', { marked: 25, blobs: 1, manifests: 0 }],
    ['2.8.2-real.txt', { marked: 25, blobs: 1, manifests: 0 }],
    ['2.8.2-dry-run-delete-untagged.txt', { marked: 15, blobs: 11, manifests: 4 }],
    ['2.8.2-real-delete-untagged.txt', { marked: 15, blobs: 11, manifests: 4 }],
    ['3.1.1-dry-run.txt', { marked: 25, blobs: 1, manifests: 0 }],
    ['3.1.1-real.txt', { marked: 25, blobs: 1, manifests: 0 }],
    ['3.1.1-dry-run-delete-untagged.txt', { marked: 19, blobs: 7, manifests: 2 }],
    ['3.1.1-real-delete-untagged.txt', { marked: 19, blobs: 7, manifests: 2 }],
  ])('%s says as many of each as its summary counts', (name, counts) => {
    const lines = captured(name);
    expect(ofKind(lines, 'summary')).toEqual([{ kind: 'summary', ...counts }]);
    expect(ofKind(lines, 'blob-eligible')).toHaveLength(counts.blobs);
    expect(ofKind(lines, 'manifest-eligible')).toHaveLength(counts.manifests);
    const marked = [...ofKind(lines, 'marking-manifest'), ...ofKind(lines, 'marking-blob')];
    expect(new Set(marked.map((line) => line.digest))).toHaveLength(counts.marked);
  });

  test('2.8 names repositories by their layers, 3.x by their manifests', () => {
    const names = (file: string): string[] => ofKind(captured(file), 'repository').map((line) => line.name);
    expect(names('2.8.2-dry-run.txt')).toEqual(['layers-only', 'multi', 'team/app', 'team/web']);
    expect(names('3.1.1-dry-run.txt')).toEqual(['multi', 'team/app', 'team/web']);
  });

  test('2.8 does not say of which repository an eligible manifest is, 3.x does', () => {
    const of = (file: string): (string | undefined)[] =>
      ofKind(captured(file), 'manifest-eligible').map((line) => line.repository);
    expect(of('2.8.2-dry-run-delete-untagged.txt')).toEqual([undefined, undefined, undefined, undefined]);
    expect(of('3.1.1-dry-run-delete-untagged.txt')).toEqual(['team/app', 'team/web']);
  });

  test('3.x tells of a repository without tags, and of layer links', () => {
    const lines = captured('3.1.1-real-delete-untagged-never-tagged.txt');
    expect(ofKind(lines, 'tags-path-missing')).toEqual([
      { kind: 'tags-path-missing', repository: 'never-tagged' },
    ]);
    expect(tally(lines)['layer-link-eligible']).toBe(6);
    expect(ofKind(lines, 'layer-link-eligible')[0]?.repository).toBe('never-tagged');
  });

  test('a collector that fails before the end leaves no summary', () => {
    const counts = tally(captured('2.8.2-real-delete-untagged-never-tagged.txt'));
    expect(counts).toEqual({
      repository: 3,
      'marking-manifest': 1,
      'marking-blob': 2,
      'manifest-eligible': 3,
    });
  });

  test('a line that somebody forged is no different from a true one', () => {
    const summaries = ofKind(captured('2.8.2-dry-run-forged-line.txt'), 'summary');
    expect(summaries.map((line) => line.marked)).toEqual([9, 3]);
  });
});

describe('a line', () => {
  test.each<[string, CollectorLine]>([
    ['team/app', { kind: 'repository', name: 'team/app' }],
    [`team/app: marking manifest ${digest} `, { kind: 'marking-manifest', repository: 'team/app', digest }],
    [`team/app: marking blob ${digest}`, { kind: 'marking-blob', repository: 'team/app', digest }],
    [`blob eligible for deletion: ${digest}`, { kind: 'blob-eligible', digest }],
    [
      `manifest eligible for deletion: ${digest}`,
      { kind: 'manifest-eligible', repository: undefined, digest },
    ],
    [
      `manifest eligible for deletion: {a/b ${digest} [1.0 latest]}`,
      { kind: 'manifest-eligible', repository: 'a/b', digest },
    ],
    [
      `manifest eligible for deletion: {a/b ${digest} []}`,
      { kind: 'manifest-eligible', repository: 'a/b', digest },
    ],
    [
      `a/b: layer link eligible for deletion: ${digest}`,
      { kind: 'layer-link-eligible', repository: 'a/b', digest },
    ],
    ['manifest tags path of repository a/b does not exist', { kind: 'tags-path-missing', repository: 'a/b' }],
    [
      '3 blobs marked, 2 blobs and 1 manifests eligible for deletion',
      { kind: 'summary', marked: 3, blobs: 2, manifests: 1 },
    ],
  ])('%j is understood', (line, expected) => {
    expect(parseCollectorLine(line)).toEqual(expected);
  });

  test('may name all tags of a large repository', () => {
    const tags = Array.from({ length: 50_000 }, (_, i) => `v1.${i}`).join(' ');
    const line = `manifest eligible for deletion: {a/b ${digest} [${tags}]}`;
    expect(parseCollectorLine(line)).toEqual({ kind: 'manifest-eligible', repository: 'a/b', digest });
  });

  test.each([
    ['of a manifest without the space at its end', `a/b: marking manifest ${digest}`],
    ['of a blob with a space at its end', `a/b: marking blob ${digest} `],
    ['with a digest that is none', 'a/b: marking blob sha256:0a'],
    ['with no digest', 'a/b: marking blob '],
    ['with a repository that cannot be', `A_/b: marking blob ${digest}`],
    ['with tags of a repository that cannot be', `manifest eligible for deletion: {A_/b ${digest} []}`],
    ['with tags and a digest that is none', 'manifest eligible for deletion: {a/b sha256:0a []}'],
    ['of a deed that nobody knows', `a/b: burning blob ${digest}`],
    ['with something before it', `x blob eligible for deletion: ${digest}`],
    ['with something after it', `blob eligible for deletion: ${digest}!`],
    ['with a carriage return', `blob eligible for deletion: ${digest}\r`],
    ['with a line break', `blob eligible for deletion: ${digest}\n`],
    ['with another line in front', `x\nblob eligible for deletion: ${digest}`],
    ['that is cut off', `manifest eligible for deletion: {a/b ${digest} [1.0 la`],
    ['with an escape sequence', '\u001b[31mteam/app'],
    ['whose name is too long', 'a'.repeat(256)],
    [
      'of tags that are missing where no repository can be',
      'manifest tags path of repository .. does not exist',
    ],
    ['with a count that is none', '-3 blobs marked, 2 blobs and 1 manifests eligible for deletion'],
    [
      'with a count that no number holds',
      `${'9'.repeat(20)} blobs marked, 2 blobs and 1 manifests eligible for deletion`,
    ],
    ['that is blank', ''],
  ])('%s is kept as it is', (_, line) => {
    expect(parseCollectorLine(line)).toEqual({ kind: 'other', text: line });
  });

  test('is understood whole or not at all, whatever is put into it', () => {
    const lines = readdirSync(captures).flatMap((name) =>
      readFileSync(new URL(name, captures), 'utf8').split('\n'),
    );
    const edit = fc.oneof(
      fc.constantFrom(' ', ': ', '\n', '\r', '\u001b', '{', ' [', ']}', digest, 'marking blob ', ''),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    const property = fc.property(
      fc.constantFrom(...lines),
      fc.nat(150),
      fc.nat(3),
      edit,
      (line, at, cut, text) => {
        const edited = line.slice(0, at) + text + line.slice(at + cut);
        expect(written(parseCollectorLine(edited), edited)).toBe(edited);
      },
    );
    fc.assert(property, { numRuns: 3_000 });
  });

  test.each([
    ' ',
    'a',
    'a/',
    'a-',
    'a_',
    'a: ',
    '1',
    ':',
    'sha256:',
    `${digest} `,
    'marking blob ',
    '{a ',
    ']}',
  ])('of a million %j costs no more than reading it', (piece) => {
    const many = piece.repeat(1_000_000 / piece.length);
    const beginnings = [
      '',
      'a: ',
      'a: marking blob ',
      'blob eligible for deletion: ',
      'manifest tags path of repository ',
    ];
    const before = performance.now();
    for (const beginning of [
      ...beginnings,
      `manifest eligible for deletion: {a ${digest} [`,
      '1 blobs marked, ',
    ]) {
      parseCollectorLine(beginning + many);
      parseCollectorLine(`${beginning}${many}\0`);
    }
    // What backtracks takes minutes.
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

/** The line that the collector writes to say that. The tags, which nobody reads, are taken from `line`. */
function written(said: CollectorLine, line: string): string {
  switch (said.kind) {
    case 'repository':
      return said.name;
    case 'marking-manifest':
      return `${said.repository}: marking manifest ${said.digest} `;
    case 'marking-blob':
      return `${said.repository}: marking blob ${said.digest}`;
    case 'layer-link-eligible':
      return `${said.repository}: layer link eligible for deletion: ${said.digest}`;
    case 'blob-eligible':
      return `blob eligible for deletion: ${said.digest}`;
    case 'manifest-eligible': {
      if (said.repository === undefined) return `manifest eligible for deletion: ${said.digest}`;
      const start = `manifest eligible for deletion: {${said.repository} ${said.digest} [`;
      return `${start}${line.slice(start.length, -2)}]}`;
    }
    case 'tags-path-missing':
      return `manifest tags path of repository ${said.repository} does not exist`;
    case 'summary': {
      const { marked, blobs, manifests } = said;
      return `${marked} blobs marked, ${blobs} blobs and ${manifests} manifests eligible for deletion`;
    }
    case 'other':
      return said.text;
  }
}
