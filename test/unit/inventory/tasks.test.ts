import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Findings } from '../../../src/inventory/near/findings.ts';
import { perform } from '../../../src/inventory/near/perform.ts';
import type { Answer, Task } from '../../../src/inventory/near/task.ts';
import { openNear } from '../../../src/storage/open.ts';
import { at } from '../../support/layout.ts';
import { absentDigest } from '../../support/memory-registry.ts';

const root = mkdtempSync(join(tmpdir(), 'registry-cleanup-tasks-'));
afterAll(() => rmSync(root, { recursive: true }));
const count = 125;
const digests = Array.from({ length: count }, (_, number) => absentDigest(`${number}`));

function put(key: string, content: string): void {
  mkdirSync(join(root, key, '..'), { recursive: true });
  writeFileSync(join(root, key), content);
}

/** What a thread that gets `task` hands back. */
async function done(task: Task): Promise<Answer> {
  const near = await openNear({ driver: 'filesystem', root });
  const found = new Findings();
  perform({ near, thorough: false, splitAt: 50, found }, task);
  return found.answer();
}

/** That a task became others, each a part of the work, which find everything once. */
async function expectSharedOut(task: Task, of: string): Promise<void> {
  const answer = await done(task);
  const pieces = answer.rest;
  const sizes = pieces.map((piece) =>
    piece.kind === 'tags'
      ? piece.names.length
      : ((piece.kind === 'leaves' && piece.digests?.length) || 0) / 8,
  );
  expect(Math.max(...sizes)).toBeLessThanOrEqual(count / 2);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count);
  let rows = 0;
  for (const piece of pieces) {
    const { sections, rest, irregular } = await done(piece);
    expect([...rest, ...irregular]).toEqual([]);
    for (const section of sections) if (section.of === of) rows += section.to - section.from;
  }
  expect(rows).toBe(count);
}

/** A repository that holds nearly everything must not be one thread's work. */
describe('a directory of many things becomes tasks for many threads', () => {
  const repository = (name: string, area: '_layers' | '_manifests'): Task => ({
    kind: 'repository',
    repository: 0,
    directory: `${at.repository(name)}/`,
    areas: [area],
    depth: 'whole',
  });

  it('where it holds layer links', async () => {
    for (const digest of digests) put(at.layer('layers', digest), digest);
    await expectSharedOut(repository('layers', '_layers'), 'layer');
  });

  it('where it holds revisions', async () => {
    for (const digest of digests) put(at.revision('revisions', digest), digest);
    await expectSharedOut(repository('revisions', '_manifests'), 'revision');
  });

  it('where it holds tags', async () => {
    for (const [number, digest] of digests.entries()) put(at.current('tags', `v${number}`), digest);
    await expectSharedOut(repository('tags', '_manifests'), 'tag');
  });

  it('where it holds the history of one tag', async () => {
    for (const digest of digests) put(at.history('history', 'v1', digest), digest);
    await expectSharedOut(repository('history', '_manifests'), 'history');
  });

  it('where it holds blobs', async () => {
    const alike = digests.map((digest) => digest.replace(/:../, ':ab'));
    for (const digest of alike) put(at.blob(digest), 'content');
    await expectSharedOut(
      { kind: 'leaves', of: 'blob', repository: -1, directory: `${at.blobs}/sha256/ab/` },
      'blob',
    );
  });
});
