import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { problem } from '../../../src/errors.ts';
import { hidden } from '../../../src/format.ts';
import type { ReportDocument } from '../../../src/report/document.ts';
import { renderReport } from '../../../src/report/report.ts';
import { width } from '../../../src/screen.ts';
import { documentOf, failedDocumentOf, idleDocumentOf } from './documents.ts';

const now = Date.parse('2026-03-01T11:00:00Z');

function render(document: ReportDocument, columns = 80): string {
  return renderReport(document, { now, columns });
}

function errorOf(code: string, message: string, details: readonly string[] = []): ReportDocument['error'] {
  return { code, message, hint: 'Do that about it.', details };
}

describe('the report of a run', () => {
  test('shows what was there before and after, what went, what stays and why', () => {
    expect(render(documentOf())).toMatchInlineSnapshot(`
      "Registry 2.8.2, process runtime, filesystem storage

      [ Data summary : Before cleanup ]
        repositories             1
        tags                     1
        manifests               26
        layer links            125
        blobs                1,151
        total size           2 MiB

      [ Data summary : After cleanup ]
        repositories             1
        tags                     1
        manifests                1         -25
        layer links              5        -120
        blobs                    6      -1,145
        total size           1 MiB      -1 MiB

      Removed 25 manifests, 120 layer links and 1,145 blobs; 1 MiB freed.

      Repository                                              tags   manifests   freed
        noise                                                    1      26 → 1   1 MiB

      Manifests that stay
        tagged         1

      Closed to pushes for 1.2 s; unavailable for 0.3 s.
      Collector: registry garbage-collect, with --delete-untagged: every manifest that
      stays is tagged. It was rehearsed before.

      Done in 1.5 s.
      "
    `);
  });

  test('foretells in a dry run, and says that nothing was changed', () => {
    const window = { readOnlySeconds: 0, unavailableSeconds: 0 };
    expect(render(documentOf({ dryRun: true, after: null, window }))).toMatchInlineSnapshot(`
      "Registry 2.8.2, process runtime, filesystem storage

      [ Data summary : Before cleanup ]
        repositories             1
        tags                     1
        manifests               26
        layer links            125
        blobs                1,151
        total size           2 MiB

      [ Data summary : After cleanup (foretold) ]
        repositories             1
        tags                     1
        manifests                1         -25
        layer links              5        -120
        blobs                    6      -1,145
        total size           1 MiB      -1 MiB

      Would remove 25 manifests, 120 layer links and 1,145 blobs, and free 1 MiB.

      Repository                                              tags   manifests   freed
        noise                                                    1      26 → 1   1 MiB

      Manifests that stay
        tagged         1

      Collector: registry garbage-collect, with --delete-untagged: every manifest that
      stays is tagged.

      This is a dry run: nothing was changed; without --dry-run it is carried out.
      "
    `);
  });

  test('tells a plan as a plan', () => {
    const lines = render(documentOf({ command: 'plan', dryRun: true, after: null }))
      .trimEnd()
      .split('\n');
    expect(lines.at(-1)).toBe('This is a plan: nothing was changed; "registry-cleanup run" carries it out.');
  });

  test('tells a newcomer whose images are all young why nothing went, until when, and what to do', () => {
    const document = idleDocumentOf({
      kept: [
        { reason: 'tagged', manifests: 1 },
        { reason: 'young', manifests: 24 },
      ],
      young: { manifests: 24, keepWithin: '1h', nextAt: '2026-03-01T11:56:10.500Z', blobs: 0, bytes: 0 },
    });
    expect(render(document)).toMatchInlineSnapshot(`
      "Registry 2.8.2, process runtime, filesystem storage

      [ Data summary : Before cleanup ]
        repositories             1
        tags                     1
        manifests               25
        layer links            125
        blobs                  150
        total size           2 MiB

      [ Data summary : After cleanup ]
        repositories             1
        tags                     1
        manifests               25
        layer links            125
        blobs                  150
        total size           2 MiB

      Nothing to remove: 24 untagged manifests are younger than untagged.keepWithin
      (1h); the first may go at 2026-03-01 11:57 UTC (in 57 min). Set
      untagged.keepWithin to 0s to remove them now.

      Manifests that stay
        tagged                            1
        untagged for less than 1h        24

      Done in 0.4 s.
      "
    `);
  });

  test('tells one young manifest in the singular', () => {
    const document = idleDocumentOf({
      kept: [{ reason: 'young', manifests: 1 }],
      young: { manifests: 1, keepWithin: '7d', nextAt: '2026-03-03T12:00:00Z', blobs: 0, bytes: 0 },
    });
    expect(render(document).replaceAll('\n', ' ')).toContain(
      'Nothing to remove: 1 untagged manifest is younger than untagged.keepWithin (7d); it may go at ' +
        '2026-03-03 12:00 UTC (in 2 d 1 h). Set untagged.keepWithin to 0s to remove it now.',
    );
  });

  test('tells what will go later beside what went now', () => {
    const young = { manifests: 2, keepWithin: '1h', nextAt: '2026-03-01T10:59:00Z', blobs: 0, bytes: 0 };
    const text = render(documentOf({ young })).replaceAll('\n', ' ');
    expect(text).toContain(
      '; 1 MiB freed. 2 untagged manifests are younger than untagged.keepWithin (1h); the next may go',
    );
    expect(text).toContain('2026-03-01 10:59 UTC (now).');
  });

  test('tells that everything is needed when nothing is young', () => {
    expect(render(idleDocumentOf())).toContain(
      'Nothing to remove: every manifest is tagged, or needed by one that is.\n',
    );
    const kept = [{ reason: 'protected', manifests: 3 }] as const;
    expect(render(idleDocumentOf({ kept }))).toContain('needed by one that is, or\nprotected.\n');
  });

  test('does not pretend that leftovers alone would be removed', () => {
    const later = { ...idleDocumentOf().later, uploads: 3, repositories: 1 };
    const text = render(idleDocumentOf({ dryRun: true, after: null, later }));
    expect(text).toContain(
      'Not worth closing the registry for, and left to a later run: 3 old uploads and 1\nempty repository.\n',
    );
    expect(text).not.toContain('-1');
    expect(text).not.toContain('Would remove');
    expect(text.endsWith('\nThis is a dry run: nothing was changed.\n')).toBe(true);
  });

  test('has a word for an empty registry', () => {
    const document = idleDocumentOf({ outcome: 'empty', before: null, after: null, kept: [] });
    expect(render(document)).toMatchInlineSnapshot(`
      "Registry 2.8.2, process runtime, filesystem storage

      The registry is empty: there is nothing to clean.

      Done in 0.4 s.
      "
    `);
  });

  test('shows the ten repositories that free most, and counts the others', () => {
    const repositories = Array.from({ length: 24 }, (_, index) => ({
      name: index === 1 ? `group/${'very-long/'.repeat(6)}name` : `library/app-${index}`,
      tags: index * 300,
      manifestsBefore: 12_000 - 100 * index,
      manifestsAfter: 10_000 - 100 * index,
      bytesFreed: 2 ** (35 - index),
    }));
    const text = render(documentOf({ repositories }));
    expect(
      text.slice(text.indexOf('Repository'), text.indexOf('\n\nManifests that stay')),
    ).toMatchInlineSnapshot(`
      "Repository                                    tags           manifests     freed
        library/app-0                                  0     12,000 → 10,000    32 GiB
        group/very-long/very-long/very-long/very-long/very-long/very-long/name
                                                     300      11,900 → 9,900    16 GiB
        library/app-2                                600      11,800 → 9,800     8 GiB
        library/app-3                                900      11,700 → 9,700     4 GiB
        library/app-4                              1,200      11,600 → 9,600     2 GiB
        library/app-5                              1,500      11,500 → 9,500     1 GiB
        library/app-6                              1,800      11,400 → 9,400   512 MiB
        library/app-7                              2,100      11,300 → 9,300   256 MiB
        library/app-8                              2,400      11,200 → 9,200   128 MiB
        library/app-9                              2,700      11,100 → 9,100    64 MiB
        and 14 more                               69,300   144,900 → 116,900    64 MiB"
    `);
  });

  test('says what is left, and why', () => {
    const left = [
      { path: '/x/y', reason: 'permission denied (EACCES)' },
      { path: '/x/z\x1b[2J', reason: 'left, since a reference before it could not be removed' },
    ];
    const text = render(documentOf({ outcome: 'partial', exitCode: 3, left }));
    expect(text.slice(text.indexOf('Not removed'))).toMatchInlineSnapshot(`
      "Not removed (2)
        ! /x/y: permission denied (EACCES)
        ! /x/z\\x1b[2J: left, since a reference before it could not be removed

      Done in 1.5 s, but some items are left, as told above: the next run tries again.
      "
    `);
  });

  test('shows twenty of the things that are left, after an interruption too, and counts the others', () => {
    const left = Array.from({ length: 1_030 }, (_, n) => ({
      path: `/x/${n}`,
      reason: 'read-only file system (EROFS)',
    }));
    const error = { code: 'INTERRUPTED', message: 'Interrupted.', hint: '', details: [] };
    const text = render(documentOf({ outcome: 'interrupted', exitCode: 143, left, error }));
    expect(text).toContain('Not removed (1,030)\n  ! /x/0: read-only file system (EROFS)\n');
    expect(text).toContain(
      '  ! /x/19: read-only file system (EROFS)\n  ! … and 1,010 more: --json tells them all\n',
    );
  });

  test('bounds the warnings', () => {
    const warnings = Array.from({ length: 1030 }, (_, index) => `warning ${index}`);
    const text = render(documentOf({ warnings }));
    expect(text).toContain('Warnings (1,030)\n  ! warning 0\n');
    expect(text).toContain('  ! warning 29\n  ! and 1,000 more: --json tells them all\n');
  });

  test('says that a blob came meanwhile with a plus', () => {
    const { before } = documentOf();
    const after = before === null ? null : { ...before, blobs: before.blobs + 1, bytes: before.bytes + 1024 };
    expect(render(documentOf({ after }))).toMatch(
      /blobs {8,}1,152 {10}\+1\n {2}total size +2 MiB +\+1 KiB\n/,
    );
  });

  test('tells the collector only where it ran, or would', () => {
    const stopped = { outcome: 'failed', exitCode: 1, after: null, steps: [] } as const;
    expect(render(documentOf(stopped))).not.toContain('Collector');
    const without = {
      ...documentOf().collector,
      deleteUntagged: false,
      because: '3 untagged manifests stay',
    };
    const collector = { ...without, name: 'registry', rehearsed: false } as const;
    expect(render(documentOf({ collector })).replaceAll('\n', ' ')).toContain(
      'Collector: registry garbage-collect, without --delete-untagged: 3 untagged manifests stay. It was not rehearsed.',
    );
  });

  test('says that the program itself swept, and why', () => {
    const collector = {
      name: 'native',
      deleteUntagged: false,
      because: 'the configuration says collector: native',
      rehearsed: false,
    } as const;
    const told = 'Blobs were swept by this program: the configuration says collector: native.';
    const text = render(documentOf({ collector })).replaceAll('\n', ' ');
    expect(text).toContain(told);
    expect(text).not.toMatch(/garbage-collect|rehearsed/);
    const plan = documentOf({ collector, command: 'plan', dryRun: true, after: null, steps: [] });
    expect(render(plan).replaceAll('\n', ' ')).toContain(
      'Blobs would be swept by this program: the configuration says collector: native.',
    );
    expect(render(documentOf({ collector, steps: [] }))).not.toContain('swept by');
  });

  test('tells blobs that stay for being young, beside what goes and alone', () => {
    const young = { manifests: 0, keepWithin: '1h', nextAt: null, blobs: 3, bytes: 2048 };
    const told =
      '3 blobs (2 KiB) that no manifest names are younger than untagged.keepWithin (1h): they stay, since a push may be under way.';
    for (const document of [documentOf({ young }), idleDocumentOf({ young })])
      expect(render(document).replaceAll('\n', ' ')).toContain(told);
    const one = render(idleDocumentOf({ young: { ...young, blobs: 1 } })).replaceAll('\n', ' ');
    expect(one).toContain('1 blob (2 KiB) that no manifest names is younger');
    expect(one).toContain('it stays, since a push may be under way.');
    expect(render(documentOf())).not.toContain('a push may be under way');
  });

  test('lists what is left alone, with why and what to do once for all that is alike', () => {
    const finding = (kind: 'blob-missing' | 'malformed-link', path: string, detail: string) =>
      ({ kind, path, tag: kind === 'blob-missing' ? 'v1' : null, detail, cure: `Mend ${kind}.` }) as const;
    const isolated = [
      {
        name: 'team/app',
        findings: [
          finding('blob-missing', '/r/blobs/aa', 'the blob aa is gone'),
          finding('blob-missing', '/r/blobs/bb', 'the blob bb is gone'),
          finding('malformed-link', '/r/link', 'the content of a link is no digest'),
          finding('malformed-link', '/r/other', 'not shown'),
          finding('malformed-link', '/r/third', 'not shown'),
        ],
      },
      { name: 'web', findings: [finding('malformed-link', '/r/web', 'it is empty\u001b[31m')] },
    ];
    const text = render(documentOf({ isolated }));
    expect(text.slice(text.indexOf('Left alone'), text.indexOf('Done in'))).toMatchInlineSnapshot(`
      "Left alone: 2 repositories are damaged
        team/app
          ! /r/blobs/aa: the blob aa is gone (needed by team/app:v1)
          ! /r/blobs/bb: the blob bb is gone (needed by team/app:v1)
          ! /r/link: the content of a link is no digest
          ! … and 2 more
          → Mend blob-missing.
          → Mend malformed-link.
        web
          ! /r/web: it is empty\\x1b[31m
          → Mend malformed-link.
      Nothing of them, and nothing that they link to, is removed until that is mended.

      "
    `);
  });

  test('counts what is left alone where that is much', () => {
    const isolated = Array.from({ length: 12 }, (_, index) => ({ name: `r${index}`, findings: [] }));
    const text = render(documentOf({ isolated }));
    expect(text).toContain('Left alone: 12 repositories are damaged\n  r0\n');
    expect(text).toContain('  r9\n  and 2 more: --json tells them all\n');
    expect(render(documentOf())).not.toContain('Left alone');
  });
});

describe('the report of a run that did not end well', () => {
  test('shows all that a guard refuses, and that nothing was changed', () => {
    const reasons = [
      '/var/lib/registry/docker/registry/v2/repositories/app/_manifests/tags/latest/current/link: it is damaged. Push the tag again.',
      'proxy.remoteurl is set: a pull-through cache cleans itself.',
    ];
    const steps = [{ id: 'plan', seconds: 0.1, outcome: 'failed' }] as const;
    const error = errorOf('REFUSED', 'This cannot be cleaned safely.', reasons);
    const text = render(failedDocumentOf({ outcome: 'refused', exitCode: 6, steps, error }));
    expect(text.slice(text.indexOf('ERROR'))).toMatchInlineSnapshot(`
      "ERROR REFUSED (exit code 6)
      This cannot be cleaned safely.
      Failed while: Deciding what goes and what stays, after 0.1 s
        - /var/lib/registry/docker/registry/v2/repositories/app/_manifests/tags/
          latest/current/link: it is damaged. Push the tag again.
        - proxy.remoteurl is set: a pull-through cache cleans itself.
      Do that about it.
      "
    `);
    expect(text).not.toContain('After cleanup');
    expect(text).not.toContain('Nothing to remove');
  });

  test('a refused dry run foretells nothing', () => {
    const error = errorOf('REFUSED', 'This cannot be cleaned safely.');
    const document = failedDocumentOf({ outcome: 'refused', exitCode: 6, dryRun: true, error });
    expect(render(document)).not.toMatch(/foretold|Would remove/);
  });

  test('shows in which step it was interrupted', () => {
    const steps = [{ id: 'apply', seconds: 3.21, outcome: 'interrupted' }] as const;
    const error = errorOf('INTERRUPTED', 'Interrupted; everything was undone.');
    const text = render(failedDocumentOf({ outcome: 'interrupted', exitCode: 143, steps, error }));
    expect(text.slice(text.indexOf('ERROR'))).toMatchInlineSnapshot(`
      "ERROR INTERRUPTED (exit code 143)
      Interrupted; everything was undone.
      Interrupted while: Removing manifests and layer links, after 3.2 s
      Do that about it.
      "
    `);
  });

  test('shows which step failed, and what it said', () => {
    const steps = [{ id: 'collect', seconds: 3.21, outcome: 'failed', note: 'killed' }] as const;
    const output = ['failed to garbage collect: \x1b[31mfailed to mark'];
    const error = errorOf('COLLECTOR_FAILED', 'SIGKILL ended it.', output);
    const text = render(failedDocumentOf({ steps, error }));
    expect(text.slice(text.indexOf('ERROR'))).toMatchInlineSnapshot(`
      "ERROR COLLECTOR_FAILED (exit code 1)
      SIGKILL ended it.
      Failed while: Collecting blobs, after 3.2 s: killed
        - failed to garbage collect: \\x1b[31mfailed to mark
      Do that about it.
      "
    `);
  });

  test('ends with the exact command where the registry could not be restored, however long it is', () => {
    const command = `systemctl start docker-registry && curl ${'--fail '.repeat(20)}http://127.0.0.1:5000/v2/`;
    const reasons = ['stop: systemctl start docker-registry failed: it exited with 1.'];
    const { code, message, hint, details } = problem('NOT_RESTORED', { reasons, command });
    const error = { code, message, hint, details };
    const document = documentOf({ outcome: 'not-restored', exitCode: 20, warnings: ['a warning'], error });
    for (const color of [false, true]) {
      const lines = renderReport(document, { now, color }).split('\n');
      expect(lines.at(-1)).toBe('');
      expect(stripVTControlCharacters(lines.at(-2) ?? '')).toBe(`    ${command}`);
    }
  });

  test('ends with what was lost, bounded, and what to do', () => {
    const lost = Array.from({ length: 60 }, (_, index) => `app:${index}`);
    const error = errorOf('VERIFY_FAILED', 'Something is lost.', lost);
    const text = render(documentOf({ outcome: 'lost', exitCode: 21, error }));
    expect(text).toContain('ERROR VERIFY_FAILED (exit code 21)\nSomething is lost.\n  - app:0\n');
    expect(text).toContain('  - app:49\n  - and 10 more\nDo that about it.\n');
  });
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'a\n\x1b[2J',
    '\u202egpj',
    '\x9b1A',
    '日本語'.repeat(20),
    'x'.repeat(300),
    'a b '.repeat(50),
  ),
);

test('lets nothing hidden through and stays within the columns, whatever the texts are', () => {
  const number = fc.integer({ min: 0, max: 2 ** 28 });
  const repository = fc.record({
    name: hostile,
    tags: number,
    manifestsBefore: number,
    manifestsAfter: number,
    bytesFreed: number,
  });
  const document = fc.record({
    repositories: fc.array(repository, { maxLength: 14 }),
    warnings: fc.array(hostile, { maxLength: 4 }),
    registry: fc.record({ version: fc.constant('2.8.2'), runtime: fc.constant('process'), storage: hostile }),
    error: fc.option(
      fc.record({
        code: fc.constant('X'),
        message: hostile,
        hint: hostile.map((text) => `do ${text}`),
        details: fc.array(hostile),
      }),
      { nil: null },
    ),
  });
  fc.assert(
    fc.property(document, fc.constantFrom(60, 80, 200), (changes, columns) => {
      const text = render(documentOf(changes), columns);
      for (const line of text.split('\n')) {
        expect(line).not.toMatch(new RegExp(hidden, 'u'));
        if (!line.startsWith('    ')) expect(width(line)).toBeLessThanOrEqual(columns);
      }
    }),
  );
});

test('colours only when it is asked to', () => {
  expect(renderReport(documentOf(), { now })).not.toContain('\x1b');
  const colored = renderReport(documentOf(), { now, color: true });
  expect(colored).toContain('\x1b[1m[ Data summary : Before cleanup ]\x1b[22m');
  expect(stripVTControlCharacters(colored)).toBe(renderReport(documentOf(), { now }));
});

test('takes secrets out before lines are broken', () => {
  const warnings = [`${'word '.repeat(14)}hunter2 hunter2-and-more`];
  const mask = (text: string): string => text.replaceAll('hunter2', '***');
  expect(renderReport(documentOf({ warnings }), { now, mask })).not.toContain('hunter');
});
