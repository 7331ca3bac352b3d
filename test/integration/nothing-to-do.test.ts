import { describe, expect, it } from 'vitest';
import { call, holdUpload } from '../support/http.ts';
import { at, digestOf } from '../support/layout.ts';
import { closure } from '../support/oracle.ts';
import { configFor } from '../support/program.ts';
import { noise, pushImage } from '../support/push.ts';
import { startRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { diff, snapshot } from '../support/tree.ts';

const collectors = [
  { collector: 'registry', damage: 'stop' },
  { collector: 'native', damage: 'stop' },
  { collector: 'native', damage: 'isolate' },
] as const;

describe.each(collectors)('where nothing goes, a run with %o', (more) => {
  it('closes nothing: the registry goes on as the process that it was, and a push in flight goes through', async () => {
    await using registry = await startRegistry();
    const { pushUrl } = registry;
    await pushImage(pushUrl, 'team/app', 'v1');
    const bytes = noise('pushed over the whole run', 100_000);
    const upload = await holdUpload(pushUrl, 'team/app', bytes.subarray(0, 50_000));
    const { pid } = registry;
    const before = snapshot(registry.root);

    const run = runTold(configFor(registry, { more }));
    const report = await run;

    expect(report).toMatchObject({
      outcome: 'nothing-to-do',
      exitCode: 0,
      error: null,
      window: { readOnlySeconds: 0, unavailableSeconds: 0 },
      collector: null,
    });
    const began = run.events.flatMap((event) => (event.type === 'step-started' ? [event.id] : []));
    expect(began).toEqual(['preflight', 'lock', 'inventory', 'plan', 'restore', 'report']);
    expect(registry.pid).toBe(pid);
    const changes = diff(before, snapshot(registry.root)).map(({ path }) => path);
    expect(changes.filter((path) => !path.startsWith(at.upload('team/app', upload.id)))).toEqual([]);

    expect(await upload.finish()).toBe(202);
    const location = new URL(upload.next(), pushUrl);
    location.searchParams.set('digest', digestOf(bytes));
    const rest = bytes.subarray(50_000);
    await call(pushUrl, 'PUT', location.href, [201], rest, { 'content-type': 'application/octet-stream' });
    expect(snapshot(registry.root).has(at.blob(digestOf(bytes)))).toBe(true);
    await pushImage(pushUrl, 'team/app', 'v2', { layers: [bytes] });
    expect(closure(registry.root).get('team/app:v2')).toMatchObject({ damaged: [] });
  });
});
