import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckDocument } from '../../src/report/check-document.ts';
import { checkHere } from '../support/check-here.ts';
import { damages, type Expected, flip } from '../support/damages.ts';
import { at } from '../support/layout.ts';
import { configFor, program, type Report } from '../support/program.ts';
import {
  deleteManifest,
  noise,
  type Pushed,
  pushArtifact,
  pushBlob,
  pushCosign,
  pushImage,
  pushMultiArch,
} from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { count, diff, type Snapshot, snapshot } from '../support/tree.ts';

describe('check', () => {
  let registry: TestRegistry;
  let config: string;
  let healthy: Record<'quick' | 'thorough', CheckDocument>;
  let sick: Record<'quick' | 'thorough', CheckDocument>;
  let atFirst: ReturnType<typeof count>;
  let foretold: Report;
  let orphan: string;
  let damaged: Snapshot;
  const expected = new Map<string, readonly Expected[]>();

  beforeAll(async () => {
    registry = await startRegistry();
    config = configFor(registry);
    await pushHealthy(registry.url);
    atFirst = count(registry.root);
    foretold = await runHere(config, { command: 'plan' });
    healthy = { quick: await checkHere(config), thorough: await checkHere(config, true) };
    for (const damage of damages) {
      expected.set(damage.id, await damage.make(`damaged/${damage.id}`, registry));
    }
    orphan = await pushBlob(registry.url, 'healthy/app', noise('orphan'));
    flip(registry, orphan, { kind: '' });
    damaged = snapshot(registry.root, { ignoreState: false });
    sick = { quick: await checkHere(config), thorough: await checkHere(config, true) };
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it('is content with a healthy registry, and tells how much it looked at', () => {
    const whole = { outcome: 'ok', exitCode: 0, findings: [], warnings: [], error: null, totals: atFirst };
    expect(healthy.quick).toMatchObject({ ...whole, read: null });
    const { blobs, bytes } = atFirst;
    expect(healthy.thorough).toMatchObject({ ...whole, read: { blobs, bytes } });
  });

  it.each(damages)('finds: $title ($id)', ({ id, hidden }) => {
    const repository = `damaged/${id}`;
    const found = (document: CheckDocument) =>
      document.findings.filter((finding) => finding.repository === repository);
    const all = (expected.get(id) ?? []).map(({ kind, path, tag = 'v1', severity = 'error' }) =>
      expect.objectContaining({
        severity,
        kind,
        path: join(registry.root, path),
        repository,
        tag,
        count: 1,
        detail: expect.stringMatching(/\w/),
        cure: expect.stringMatching(/\w/),
      }),
    );
    expect(found(sick.thorough)).toHaveLength(all.length);
    expect(found(sick.thorough)).toEqual(expect.arrayContaining(all));
    expect(found(sick.quick)).toEqual(hidden === true ? [] : found(sick.thorough));
  });

  it('finds nothing else, and tells a corrupt blob that nobody names without calling it damage', () => {
    const others = sick.thorough.findings.filter(
      ({ repository }) => repository?.startsWith('damaged/') !== true,
    );
    expect(others).toEqual([
      expect.objectContaining({
        severity: 'warning',
        kind: 'blob-corrupt',
        path: join(registry.root, at.blob(orphan)),
        repository: null,
        tag: null,
      }),
    ]);
  });

  it('tells the worst first, and no damage twice', () => {
    for (const { findings } of [sick.quick, sick.thorough]) {
      const severities = findings.map(({ severity }) => severity);
      // Which is the order of the alphabet: error, obstacle, warning.
      expect(severities).toEqual(severities.toSorted());
      const paths = findings.map(({ path }) => path);
      expect(paths).toEqual([...new Set(paths)]);
    }
  });

  it('counts each kind by how bad it is', () => {
    for (const { counts, findings } of [sick.quick, sick.thorough]) {
      const sum = (severity: string) =>
        findings.filter((one) => one.severity === severity).reduce((all, { count: one }) => all + one, 0);
      expect(counts.length).toBeGreaterThan(5);
      for (const severity of ['error', 'obstacle', 'warning']) {
        const told = counts.filter((one) => one.severity === severity);
        expect(told.reduce((all, { count: one }) => all + one, 0)).toBe(sum(severity));
      }
    }
    const missing = sick.quick.counts.find(({ kind }) => kind === 'manifest-missing');
    expect(missing).toEqual({ severity: 'error', kind: 'manifest-missing', count: 2 });
  });

  it('counts what a run would remove, which is no finding', () => {
    expect(foretold).toMatchObject({ dryRun: true, exitCode: 0 });
    expect(foretold.removed.blobs).toBeGreaterThan(0);
    expect(healthy.quick.litter).toEqual(foretold.removed);
  });

  it('counts bytes, and blobs, that it really read', () => {
    const { blobs, bytes } = count(registry.root);
    expect(sick.thorough.read).toEqual({ blobs, bytes });
    expect(sick.quick).toMatchObject({ outcome: 'damaged', exitCode: 21, read: null });
    expect(sick.thorough).toMatchObject({ outcome: 'damaged', exitCode: 21 });
  });

  it('changes nothing, and leaves the live registry as it is', async () => {
    const { pid } = registry;
    await checkHere(config, true);
    expect(diff(damaged, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
    expect(registry.pid).toBe(pid);
  });

  it('prints one JSON document, and ends with its exit code', async () => {
    const { stdout, exitCode } = await program(['check', '--config', config, '--json']);
    const document = JSON.parse(stdout);
    expect(exitCode).toBe(21);
    expect(document).toEqual(sick.quick);
    expect(Object.keys(document)).toEqual([
      'version',
      'command',
      'outcome',
      'exitCode',
      'registry',
      'totals',
      'litter',
      'read',
      'counts',
      'findings',
      'warnings',
      'error',
    ]);
    expect(document).toMatchObject({ version: 1, command: 'check', registry: { version: registry.version } });
  });

  it('tells a person the path, whom it hurts and what to do', async () => {
    const { stdout, exitCode } = await program(['check', '--config', config, '--read-data']);
    expect(exitCode).toBe(21);
    const [layer] = expected.get('layer-flipped') ?? [];
    // Lines are broken for the reader, within long paths as well.
    const squeezed = (text: string) => text.replaceAll(/\s+/g, '');
    expect(squeezed(stdout)).toContain(
      squeezed(`${join(registry.root, layer?.path ?? '')}
         damaged/layer-flipped:v1`),
    );
    expect(stdout).toMatch(/\nERRORS: a tag needs what is missing or damaged \(\d+\)\n/);
    expect(stdout).toMatch(/\nDamaged: \d+ errors, \d+ obstacles, \d+ warnings\.\n/);
  });
});

describe('check, of a registry that is stopped', () => {
  it('looks at it as it is, and starts nothing', async () => {
    await using registry = await startRegistry();
    await pushHealthy(registry.url);
    await registry.stop();
    const document = await checkHere(configFor(registry, { live: 'stopped' }));
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, totals: count(registry.root) });
    expect(registry.pid).toBeUndefined();
  });

  it('has a word for an empty one, and refuses what is none', async () => {
    await using registry = await startRegistry({ start: false });
    const config = configFor(registry, { live: 'stopped' });
    expect(await checkHere(config, true)).toMatchObject({ outcome: 'empty', exitCode: 0, findings: [] });
    writeFileSync(join(registry.root, 'holiday.jpg'), 'x');
    const { stdout, exitCode } = await program(['check', '--config', config, '--json']);
    expect(exitCode).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
  });
});

/** One of each kind that is whole, some of which a careless look might think damaged. */
async function pushHealthy(url: string): Promise<void> {
  const image = await pushImage(url, 'healthy/app', 'v1', { seed: 'old' });
  await pushImage(url, 'healthy/app', 'v1', { foreign: true });
  await pushArtifact(url, 'healthy/app', undefined, { subject: image });
  await pushCosign(url, 'healthy/app', image);
  await pushMultiArch(url, 'healthy/app/nested', 'v1');
  const lonely: Pushed = await pushImage(url, 'healthy/empty', 'v1');
  await deleteManifest(url, 'healthy/empty', lonely.digest);
}
