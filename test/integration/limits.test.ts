import { describe, expect, it } from 'vitest';
import { drive, nest } from '../support/drive.ts';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { get } from '../support/process-runtime.ts';
import { type ConfigOptions, configFor, program, report } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { diff, snapshot } from '../support/tree.ts';
import { changesSince, isUnderItsScript, superseded } from '../support/untouched.ts';
import { beforeCollecting, wrapBinary } from '../support/wrapper.ts';

/** A window that is closed now, by whatever clock this runs. */
function closedWindow(): { window: string; timeZone: string } {
  const hour = (later: number): string => String((new Date().getUTCHours() + later) % 24).padStart(2, '0');
  return { window: `${hour(6)}:00-${hour(7)}:00`, timeZone: 'UTC' };
}

function limited(registry: TestRegistry, limits: object, options: ConfigOptions = {}): string {
  return configFor(registry, { ...options, more: { limits } });
}

describe('when the time is up', () => {
  it('the collector is ended and gone, the registry is back and proven, exit 7; the next run goes on', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    const closures = closure(registry.root);
    using place = nest();
    using collecting = gateIn(registry.directory, 'collect');
    const binary = beforeCollecting(registry, collecting.script);
    const run = report('run', limited(registry, { maxDuration: '8s' }, { binary }), [], {
      env: { TMPDIR: place.path },
    });
    await collecting.reached(run);
    expect(await get(registry.url)).toBe(200);

    const { exitCode, report: document } = await run;
    expect({ ...document, exitCode }).toMatchObject({
      exitCode: 7,
      outcome: 'partial',
      error: { code: 'OUT_OF_TIME', message: expect.stringContaining('limits.maxDuration is 8s') },
    });
    expect(document.removed.manifests).toBe(2);
    const told = document.steps.map(({ id, outcome }) => `${id} ${outcome}`);
    expect(told).toContain('collect interrupted');
    expect(told.join()).not.toMatch(/tidy|,verify /);
    expect(told).toEqual(expect.arrayContaining(['restore ok', 'verify-live ok', 'report ok']));
    expect(place.inhabitants()).toEqual([]);
    expect(isUnderItsScript(registry)).toBe(true);
    assertNothingLost(closures, closure(registry.root));
    await pushImage(registry.pushUrl, 'after/it', 'v1');

    const next = await report('run', configFor(registry));
    expect(next.report).toMatchObject({ outcome: 'ok', exitCode: 0 });
    assertNothingLost(closures, closure(registry.root));
    expect(unreachable(registry.root)).toEqual({ revisions: [], layerLinks: [], tagHistory: [], blobs: [] });
  });

  it('and something is lost, that is told and nothing else', async () => {
    await using registry = await startRegistry();
    const { kept } = await superseded(registry);
    const blob = `${registry.root}/docker/registry/v2/blobs/sha256/${kept.digest.slice(7, 9)}/${kept.digest.slice(7)}/data`;
    const script = `case "$*" in *--dry-run*) ;; garbage-collect*) rm '${blob}'; sleep 60 ;; esac`;
    const binary = wrapBinary(registry, script);
    const { exitCode, report: document } = await report(
      'run',
      limited(registry, { maxDuration: '8s' }, { binary }),
    );
    expect({ exitCode, code: document.error?.code }).toEqual({ exitCode: 21, code: 'VERIFY_FAILED' });
    expect(document.error?.details.join()).toContain(kept.digest.slice(7));
    expect(await get(registry.url)).toBe(200);
  });
});

describe('outside of its window', () => {
  it('a run closes nothing and changes nothing: exit 7', async () => {
    await using registry = await startRegistry();
    const before = await superseded(registry);
    const { pid } = registry;
    const { exitCode, stdout } = await program(['run', '--config', limited(registry, closedWindow())]);
    expect(exitCode).toBe(7);
    expect(stdout).toMatch(/Out of time \(limits\.window is \d\d:00-\d\d:00 \(UTC\)\)/);
    expect(changesSince(registry, before)).toEqual([]);
    expect(registry.pid).toBe(pid);
  });

  it('a dry run tells what it would do all the same', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    const { report: document } = await report('plan', limited(registry, closedWindow()));
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 2 } });
  });

  it('a run brings back the registry that a killed run left closed, and does no more', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    using place = nest();
    const sends = [{ step: 'recheck', at: 'start', signal: 'SIGKILL' }] as const;
    expect(await drive({ configFile: configFor(registry), sends }, place)).toMatchObject({
      signal: 'SIGKILL',
    });
    const before = snapshot(registry.root);

    const { exitCode, report: document } = await report('run', limited(registry, closedWindow()));
    expect({ exitCode, code: document.error?.code }).toEqual({ exitCode: 7, code: 'OUT_OF_TIME' });
    expect(document.warnings.join('\n')).toContain('undone now');
    expect(diff(before, snapshot(registry.root))).toEqual([]);
    expect(isUnderItsScript(registry)).toBe(true);
    expect(place.inhabitants()).toEqual([]);
    await pushImage(registry.pushUrl, 'after/it', 'v1');
  });
});
