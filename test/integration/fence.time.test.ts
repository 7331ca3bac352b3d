import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StepId } from '../../src/pipeline/steps.ts';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { startUpload } from '../support/http.ts';
import { at } from '../support/layout.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { post } from '../support/process-runtime.ts';
import { configFor, type Report } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { count } from '../support/tree.ts';
import { isUnderItsScript, type Superseded, superseded } from '../support/untouched.ts';

/*
 * Somebody writes behind the fence whom nobody sees: a registry on another host, say, over the same file server. Its
 * writes are put there by hand, at the very moment that a step begins.
 */

freshTmpdir();

const uploadId = '0e8a5c6e-6c63-4b0c-9a11-5f3f9b1c2d3e';

interface Write {
  readonly what: string;
  readonly key: (content: Superseded) => string;
  readonly text: (content: Superseded) => string;
}

const tag: Write = {
  what: 'a tag on an image that goes',
  key: () => at.current('team/app', 'rescued'),
  text: ({ doomed }) => doomed.digest,
};
const revision: Write = {
  what: 'a revision, as it was',
  key: ({ kept }) => at.revision('team/app', kept.digest),
  text: ({ kept }) => kept.digest,
};
const upload: Write = {
  what: 'an upload that says that it was begun long ago',
  key: () => `${at.upload('elsewhere', uploadId)}/startedat`,
  text: () => '2020-01-01T00:00:00Z',
};

/** A run during which something is written when `step` begins. */
async function disturbed(
  registry: TestRegistry,
  step: StepId,
  write: () => void,
  config = configFor(registry),
): Promise<{ readonly report: Report; readonly blobsBefore: number }> {
  const blobsBefore = count(registry.root).blobs;
  const report = await runTold(config, {
    onEvent(event) {
      if (event.type === 'step-started' && event.id === step) write();
    },
  });
  return { report, blobsBefore };
}

function put(registry: TestRegistry, key: string, content: string, time?: Date): void {
  const path = join(registry.root, key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  if (time !== undefined) utimesSync(path, time, time);
}

async function expectBack(registry: TestRegistry): Promise<void> {
  expect(isUnderItsScript(registry)).toBe(true);
  expect(await post(registry.url)).toBe(202);
}

function expectTold({ error, exitCode }: Report, path: string): void {
  expect({ exitCode, code: error?.code }).toEqual({ exitCode: 5, code: 'FENCE_FAILED' });
  expect(error?.message).toContain(path);
  expect(error?.message).toMatch(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/);
}

describe('what is written between the fence and the look behind it', () => {
  it.each([tag, revision, upload])(
    'ends the run with exit 5 before anything is removed: $what',
    async ({ key, text }) => {
      await using registry = await startRegistry();
      const content = await superseded(registry);
      const before = closure(registry.root);
      const path = key(content);
      const { report } = await disturbed(registry, 'recheck', () => put(registry, path, text(content)));
      expectTold(report, join(registry.root, path.replace('/startedat', '/')));
      expect(report.error?.message).toMatch(/was written at \S+Z, and every writer was gone at \S+Z/);
      expect(report.removed).toMatchObject({ manifests: 0, layerLinks: 0, blobs: 0 });
      expect(report.steps.map(({ id }) => id)).not.toContain('apply');
      await expectBack(registry);
      assertNothingLost(before, closure(registry.root));
    },
  );

  it('ends the run when an upload grows that was broken off; the next run finds it old', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    const { location } = await startUpload(registry.pushUrl, 'team/app');
    const id = new URL(location, registry.url).pathname.split('/').at(-1) ?? '';
    const data = `${at.upload('team/app', id)}/data`;
    const { report } = await disturbed(registry, 'recheck', () => put(registry, data, 'more than there was'));
    expectTold(report, join(registry.root, at.upload('team/app', id)));
    expect(await runTold(configFor(registry))).toMatchObject({ outcome: 'ok', exitCode: 0 });
  });
});

it('times in the future that were there before are old: they end no run', async () => {
  await using registry = await startRegistry();
  const { kept } = await superseded(registry);
  const other = await pushImage(registry.pushUrl, 'other', 'v2', { seed: 'ahead' });
  const ahead = new Date(Date.now() + 3_600_000);
  put(registry, at.current('other', 'v2'), other.digest, ahead);
  put(registry, at.revision('team/app', kept.digest), kept.digest, ahead);
  put(registry, at.layer('team/app', String(kept.blobs[0])), String(kept.blobs[0]), ahead);
  put(registry, `${at.upload('team/app', uploadId)}/startedat`, ahead.toISOString(), ahead);
  const report = await runTold(configFor(registry));
  expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 2 } });
  expect(closure(registry.root).get('other:v2')).toMatchObject({ target: other.digest, damaged: [] });
});

it('where the state lies on another device, whose clock may be another one, no times are compared', async () => {
  await using registry = await startRegistry();
  const { doomed } = await superseded(registry);
  const elsewhere = ['/dev/shm', '/var/tmp'].find(
    (path) => statSync(path).dev !== statSync(registry.root).dev,
  );
  const directory = mkdtempSync(`${elsewhere}/registry-cleanup-test-`);
  try {
    const config = configFor(registry, { more: { state: { directory } } });
    const write = () => put(registry, at.current('team/app', 'rescued'), doomed.digest);
    const { report } = await disturbed(registry, 'recheck', write, config);
    // It is as if a user had written it before: the plan made behind the fence keeps it.
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1 } });
    expect(closure(registry.root).get('team/app:rescued')).toMatchObject({ damaged: [] });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe('what is written between that look and the collector', () => {
  it.each([tag, upload])('ends the run with exit 5 before a blob is swept: $what', async ({ key, text }) => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const before = closure(registry.root);
    // Its time says nothing: it is old, as of something that was copied there.
    const path = key(content);
    const write = () => put(registry, path, text(content), new Date('2020-01-01'));
    const { report, blobsBefore } = await disturbed(registry, 'collect', write);
    expectTold(report, join(registry.root, path.replace('/startedat', '/')));
    expect(count(registry.root).blobs).toBe(blobsBefore);
    assertNothingLost(before, closure(registry.root));
    await expectBack(registry);
  });

  it('what is gone that stays is told with exit 21, while its blobs are there yet', async () => {
    await using registry = await startRegistry();
    const { kept } = await superseded(registry);
    const key = at.revision('team/app', kept.digest);
    const { report, blobsBefore } = await disturbed(registry, 'collect', () =>
      rmSync(join(registry.root, key)),
    );
    expect(report).toMatchObject({ outcome: 'lost', exitCode: 21, error: { code: 'VERIFY_FAILED' } });
    expect(report.error?.details).toEqual([join(registry.root, key)]);
    expect(count(registry.root).blobs).toBe(blobsBefore);
    await expectBack(registry);
  });
});

describe('what is written after the collector', () => {
  it('is told with exit 5: nothing is lost by it', async () => {
    await using registry = await startRegistry();
    const { kept } = await superseded(registry);
    const before = closure(registry.root);
    const key = at.current('team/app', 'second');
    const { report } = await disturbed(registry, 'tidy', () => put(registry, key, kept.digest));
    expectTold(report, join(registry.root, key));
    expect(report.error?.hint).toContain('Nothing that was there before is lost');
    expect(report.removed).toMatchObject({ manifests: 2 });
    assertNothingLost(before, closure(registry.root));
    await expectBack(registry);
  });

  it('is told with exit 21 where it leads to what is swept', async () => {
    await using registry = await startRegistry();
    const { doomed } = await superseded(registry);
    const key = at.current('team/app', 'rescued');
    const { report } = await disturbed(registry, 'tidy', () => put(registry, key, doomed.digest));
    expect(report).toMatchObject({ outcome: 'lost', exitCode: 21 });
    expect(report.error?.details).toEqual([join(registry.root, key)]);
    expect(report.warnings.join('\n')).toContain(join(registry.root, key));
    await expectBack(registry);
  });

  it('is told when it is but a layer', async () => {
    await using registry = await startRegistry();
    const { kept } = await superseded(registry);
    const key = at.layer('other', String(kept.blobs[0]));
    const { report } = await disturbed(registry, 'tidy', () => put(registry, key, String(kept.blobs[0])));
    expectTold(report, join(registry.root, key));
  });
});
