import { expect, test } from 'vitest';
import { renderCheck } from '../../../src/report/check.ts';
import type { CheckDocument } from '../../../src/report/check-document.ts';

function documentOf(changes: Partial<CheckDocument> = {}): CheckDocument {
  return {
    version: 1,
    command: 'check',
    outcome: 'ok',
    exitCode: 0,
    registry: { version: '3.1.1', runtime: 'process', storage: 'filesystem' },
    totals: { repositories: 2, tags: 3, manifests: 26, layerLinks: 125, blobs: 1151, bytes: 2_097_152 },
    read: null,
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

test('shows each finding with its place, what it means and its cure', () => {
  const findings: CheckDocument['findings'] = [
    {
      severity: 'error',
      kind: 'missing-blob',
      path: `/srv/docker/registry/v2/blobs/sha256/ab/${'ab'.repeat(32)}/data`,
      repository: 'library/app',
      tag: 'latest\x1b[2J',
      detail: 'A layer of the tagged image is not there, so it cannot be pulled.',
      cure: 'Push the tag again.',
    },
    {
      severity: 'warning',
      kind: 'stray',
      path: '/srv/x\n',
      repository: null,
      tag: null,
      detail: 'Not the registry’s.',
      cure: '',
    },
  ];
  const text = renderCheck(documentOf({ outcome: 'damaged', exitCode: 21, findings }));
  expect(text.slice(text.indexOf('ERROR'))).toMatchInlineSnapshot(`
    "ERROR missing-blob in library/app:latest\\x1b[2J
      /srv/docker/registry/v2/blobs/sha256/ab/
      abababababababababababababababababababababababababababababababab/data
      A layer of the tagged image is not there, so it cannot be pulled.
      → Push the tag again.

    WARNING stray
      /srv/x\\n
      Not the registry’s.

    Damaged: 1 error, 1 warning.
    The contents of blobs were not read: --read-data does that.
    "
  `);
});

test('counts the findings from the 101st on', () => {
  const finding = {
    severity: 'warning',
    kind: 'stray',
    path: '/x',
    repository: null,
    tag: null,
    detail: 'd',
    cure: 'c',
  } as const;
  const text = renderCheck(documentOf({ findings: Array.from({ length: 1100 }, () => finding) }));
  expect(text).toContain('\nand 1,000 more findings: --json tells them all\n');
  expect(text).toContain('Everything that a tag needs is there (1,100 warnings).\n');
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
