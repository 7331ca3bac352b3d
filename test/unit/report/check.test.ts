import { expect, test } from 'vitest';
import { renderCheck } from '../../../src/report/check.ts';
import type { CheckDocument, Finding } from '../../../src/report/check-document.ts';

function documentOf(changes: Partial<CheckDocument> = {}): CheckDocument {
  return {
    version: 1,
    command: 'check',
    outcome: 'ok',
    exitCode: 0,
    registry: { version: '3.1.1', runtime: 'process', storage: 'filesystem' },
    totals: { repositories: 2, tags: 3, manifests: 26, layerLinks: 125, blobs: 1151, bytes: 2_097_152 },
    litter: null,
    read: null,
    counts: [],
    findings: [],
    warnings: [],
    error: null,
    ...changes,
  };
}

test('says that everything is there, and that contents were not read', () => {
  expect(renderCheck(documentOf())).toMatchInlineSnapshot(`
    "Registry 3.1.1, process runtime, filesystem storage

    [ Data summary : As it is ]
      repositories             2
      tags                     3
      manifests               26
      layer links            125
      blobs                1,151
      total size           2 MiB

    Everything that a tag needs is there.
    The contents of blobs were not read: --read-data does that.
    "
  `);
});

test('says how much was read and hashed', () => {
  const text = renderCheck(documentOf({ read: { blobs: 1151, bytes: 2_097_152 } }));
  expect(text).toContain('Everything that a tag needs is there.\n1,151 blobs (2 MiB) read and hashed.\n');
});

const plain = { repository: null, tag: null, manifest: null, count: 1, command: null } as const;

function strays(number: number): Finding[] {
  const finding = { severity: 'warning', kind: 'stray', detail: 'd', cure: 'c', ...plain } as const;
  return Array.from({ length: number }, (_, i) => ({ ...finding, path: `/srv/stray-${i}` }));
}

test('shows what a tag needs first, then what a run refuses on, each kind with its cure once', () => {
  const gone = {
    ...plain,
    severity: 'error',
    kind: 'blob-missing',
    detail: 'the blob is gone',
    cure: 'Push the image again.',
  } as const;
  const findings: readonly Finding[] = [
    { ...gone, path: `/srv/docker/${'ab'.repeat(32)}/data`, repository: 'library/app', tag: 'latest\x1b[2J' },
    { ...gone, path: '/srv/docker/cd', repository: 'library/app', tag: 'v1' },
    {
      ...plain,
      severity: 'obstacle',
      kind: 'manifest-invalid',
      path: '/srv/docker/ef',
      repository: 'team/app',
      detail: 'the manifest cannot be read',
      cure: 'Delete it.',
      command: `curl -fsS -X DELETE http://127.0.0.1:5000/v2/team/app/manifests/sha256:${'ef'.repeat(32)}`,
    },
    {
      ...plain,
      severity: 'warning',
      kind: 'stray',
      path: '/srv/x\n',
      detail: 'Not the registry’s.',
      cure: 'Move it.',
    },
    {
      ...plain,
      severity: 'warning',
      kind: 'orphan-layer-links',
      path: '/srv/link',
      repository: 'team/app',
      count: 1200,
      detail: 'such as this one',
      cure: 'Nothing.',
    },
  ];
  const text = renderCheck(documentOf({ outcome: 'damaged', exitCode: 21, findings }));
  expect(text.slice(text.indexOf('ERRORS'))).toMatchInlineSnapshot(`
    "ERRORS: a tag needs what is missing or damaged (2)

    blob-missing (2): a config or layer that a tag needs is gone
      /srv/docker/abababababababababababababababababababababababababababababababab/
      data
        library/app:latest\\x1b[2J: the blob is gone
      /srv/docker/cd
        library/app:v1: the blob is gone
      → Push the image again.

    OBSTACLES: no tag is harmed, but a run refuses (1)

    manifest-invalid: a manifest was stored as it was pushed, but the registry's
    collector cannot be trusted with it
      /srv/docker/ef
        in team/app: the manifest cannot be read
        curl -fsS -X DELETE http://127.0.0.1:5000/v2/team/app/manifests/sha256:efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef
      → Delete it.

    WARNINGS: nothing is harmed (1,201)

    stray: not the registry's; it is left alone
      /srv/x\\n
        Not the registry’s.
      → Move it.

    orphan-layer-links (1,200): links of blobs that are gone and that no tag needs
      /srv/link
        in team/app: such as this one
      → Nothing.

    Damaged: 2 errors, 1 obstacle, 1,201 warnings.
    The contents of blobs were not read: --read-data does that.
    "
  `);
});

test('breaks no line that is longer than 80 columns but paths and commands', () => {
  const cure = 'Push the image again, '.repeat(10);
  const findings = strays(3).map((finding) => ({ ...finding, cure, detail: cure, repository: 'app' }));
  const lines = renderCheck(documentOf({ findings })).split('\n');
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
});

test('shows twenty of a kind and counts the others', () => {
  const text = renderCheck(documentOf({ findings: strays(1100) }));
  expect(text).toContain('WARNINGS: nothing is harmed (1,100)\n\nstray (1,100): ');
  expect(text).toContain('/srv/stray-18\n  /srv/stray-19\n');
  expect(text).not.toContain('/srv/stray-20');
  expect(text).toContain('\n  … and 1,080 more (--json lists them)\n  → c\n');
  expect(text).toContain('Everything that a tag needs is there (1,100 warnings).\n');
});

test('says that no tag is harmed where a run would refuse all the same', () => {
  const [finding] = strays(1);
  if (finding === undefined) return expect.unreachable();
  const findings: Finding[] = [{ ...finding, severity: 'obstacle', kind: 'symlink' }];
  const text = renderCheck(documentOf({ outcome: 'obstructed', exitCode: 6, findings }));
  expect(text).toContain('Everything that a tag needs is there, but a run would refuse: 1 obstacle.\n');
});

test('says what no tag needs, or that there is nothing of it', () => {
  const none = { tags: 0, manifests: 0, layerLinks: 0, uploads: 0, repositories: 0, blobs: 0, bytes: 0 };
  const litter = { ...none, manifests: 25, layerLinks: 120, blobs: 1145, bytes: 1_048_576 };
  expect(renderCheck(documentOf({ litter }))).toContain(
    'No tag needs 25 manifests, 120 layer links, 1,145 blobs (1 MiB): a run removes\nthat.\n',
  );
  expect(renderCheck(documentOf({ litter: none }))).toContain('There is nothing that a run would remove.\n');
});

test('ends with the error where there was one', () => {
  const error = { code: 'REFUSED', message: 'No.', hint: 'Mount it.', details: ['wrong mount'] };
  const text = renderCheck(documentOf({ outcome: 'refused', exitCode: 6, totals: null, error }));
  expect(text.slice(text.indexOf('\n\n') + 2)).toMatch(/^ERROR REFUSED \(exit code 6\)\n/);
});

test('has a word for an empty registry', () => {
  expect(renderCheck(documentOf({ outcome: 'empty', totals: null }))).toContain(
    'there is nothing to check.\n',
  );
});
