import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { at } from '../support/layout.ts';
import { type Act, systemError, tap } from '../support/operations.ts';
import { assertNothingLost, closure } from '../support/oracle.ts';
import { post } from '../support/process-runtime.ts';
import { configFor } from '../support/program.ts';
import { startRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { count } from '../support/tree.ts';
import { superseded } from '../support/untouched.ts';
import { wrapBinary } from '../support/wrapper.ts';

/* A collector that would take what stays, or has taken it. The real one does neither; so it is told by a wrapper. */

freshTmpdir();

describe('a collector', () => {
  it('whose rehearsal would sweep what stays is not run: exit 6, and no blob is gone', async () => {
    await using registry = await startRegistry();
    const { kept } = await superseded(registry);
    const before = closure(registry.root);
    const { blobs } = count(registry.root);
    const script = `case "$*" in
  *--dry-run*) "$real" "$@"; code=$?; echo "blob eligible for deletion: ${kept.digest}"; exit $code ;;
  garbage-collect*) : >"$original.collected" ;;
esac`;
    const report = await runTold(configFor(registry, { binary: wrapBinary(registry, script) }));
    expect(report.error?.code).toBe('REHEARSAL_DISAGREES');
    expect(report.error?.details.join('\n')).toContain(at.blob(kept.digest));
    expect(report.exitCode).toBe(6);
    expect(existsSync(`${registry.configFile}.collected`)).toBe(false);
    assertNothingLost(before, closure(registry.root));
    expect(count(registry.root).blobs).toBe(blobs);
    expect(await post(registry.url)).toBe(202);
  });

  it('that has swept what stays is told with exit 21 and the path, and the registry is open again', async () => {
    await using registry = await startRegistry();
    const { kept } = await superseded(registry);
    const victim = join(registry.root, at.blob(kept.digest));
    const script = `case "$*" in
  *--dry-run*) ;;
  garbage-collect*) "$real" "$@"; code=$?; rm '${victim}'; exit $code ;;
esac`;
    const report = await runTold(configFor(registry, { binary: wrapBinary(registry, script) }));
    expect(report.error).toMatchObject({ code: 'VERIFY_FAILED', details: expect.arrayContaining([victim]) });
    expect(report.exitCode).toBe(21);
    expect(report.steps.find(({ id }) => id === 'verify')?.outcome).toBe('failed');
    expect(await post(registry.url)).toBe(202);
  });

  it('is not to delete untagged manifests by itself where one could not be removed', async () => {
    await using registry = await startRegistry();
    const { doomed } = await superseded(registry);
    const log = `${registry.configFile}.arguments`;
    const script = `case "$*" in garbage-collect*) echo "$*" >>'${log}' ;; esac`;
    const config = configFor(registry, { binary: wrapBinary(registry, script) });
    const link = join(registry.root, at.revision('team/app', doomed.digest));
    const act: Act = (operation, when) => {
      if (when === 'before' && operation.path === link && operation.call === 'unlink')
        throw systemError('EIO', operation);
    };
    using _ = tap({ below: registry.root, act });
    const report = await runTold(config);
    expect(report).toMatchObject({ outcome: 'partial', exitCode: 3 });
    expect(report.collector).toMatchObject({ deleteUntagged: false });
    const calls = readFileSync(log, 'utf8');
    expect(calls.trim().split('\n')).toHaveLength(2);
    expect(calls).not.toContain('--delete-untagged');
    expect(existsSync(link)).toBe(true);
    expect(await post(registry.url)).toBe(202);
  });
});
