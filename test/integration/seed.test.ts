import { describe, expect, it } from 'vitest';
import { unreachable } from '../support/oracle.ts';
import { configFor, program, report } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { count } from '../support/tree.ts';

async function overwritten(registry: TestRegistry, times: number): Promise<string> {
  let digest = '';
  for (let n = 0; n < times; n++) {
    digest = (await pushImage(registry.url, 'seed/app', 'latest', { seed: `round ${n}` })).digest;
  }
  return digest;
}

describe('one tag, pushed 25 times with fresh content', () => {
  it('leaves one tag, one manifest and exactly the blobs of the last image; a second run disturbs nobody', async () => {
    await using registry = await startRegistry();
    const last = await overwritten(registry, 25);
    const before = count(registry.root);
    const config = configFor(registry);

    const first = await report('run', config);
    expect(first.report).toMatchObject({ outcome: 'ok', exitCode: 0, error: null });
    expect(first.exitCode).toBe(0);
    const after = count(registry.root);
    expect(first.report.before).toEqual(before);
    expect(first.report.after).toEqual(after);
    expect(after).toMatchObject({ repositories: 1, tags: 1, manifests: 1, layerLinks: 2, blobs: 3 });
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
    const answer = await fetch(`${registry.url}/v2/seed/app/manifests/latest`, {
      headers: {
        accept:
          'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json',
      },
    });
    expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([200, last]);

    const { pid } = registry;
    const second = await report('run', config);
    expect(second.report).toMatchObject({ outcome: 'nothing-to-do', exitCode: 0 });
    expect(second.report.steps.map(({ id }) => id)).not.toContain('stop');
    expect(second.report.window).toEqual({ readOnlySeconds: 0, unavailableSeconds: 0 });
    expect(registry.pid).toBe(pid);
  });

  it('removes nothing within the default keepWithin, and says why', async () => {
    await using registry = await startRegistry();
    await overwritten(registry, 25);
    const before = count(registry.root);
    const config = configFor(registry, { more: { untagged: {} } });
    const { pid } = registry;

    const { report: document } = await report('run', config);
    expect(document).toMatchObject({ outcome: 'nothing-to-do', young: { manifests: 24, keepWithin: '1h' } });
    expect(count(registry.root)).toEqual(before);
    expect(registry.pid).toBe(pid);

    const { stdout, exitCode } = await program(['run', '--config', config]);
    expect(exitCode).toBe(0);
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /24 untagged manifests are younger than untagged\.keepWithin \(1h\)/,
    );
  });
});
