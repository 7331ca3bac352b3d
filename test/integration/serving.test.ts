import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { type Gate, gateIn } from '../support/gate.ts';
import { call } from '../support/http.ts';
import { digestOf } from '../support/layout.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { get, post } from '../support/process-runtime.ts';
import { configFor } from '../support/program.ts';
import { outageOf, pull } from '../support/pulling.ts';
import { type Pushed, pushImage } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { endOf, runTold, type ToldRun, undoOf } from '../support/run-told.ts';
import { beforeCollecting } from '../support/wrapper.ts';

freshTmpdir();

describe('while the stand-in serves', () => {
  it('refuses every way to write as read-only, and serves manifests and blobs whole', async () => {
    await using registry = await startRegistry();
    const image = await superseded(registry);
    const before = closure(registry.root);
    using collecting = gateIn(registry.directory, 'collect');
    const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    await using running = runTold(config);
    await collecting.reached(running);

    expect(registry.pid).toBeUndefined();
    await expectReadOnly(registry, image);
    await expectPulls(registry, image);

    collecting.open();
    expect(await running).toMatchObject({ outcome: 'ok', exitCode: 0 });
    assertNothingLost(before, closure(registry.root));
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
    expect(await post(registry.url)).toBe(202);
  });

  it('serves at the address of a registry that does not run, and nobody listens there afterwards', async () => {
    await using registry = await startRegistry();
    const image = await superseded(registry);
    await registry.stop();
    using collecting = gateIn(registry.directory, 'collect');
    const config = configFor(registry, {
      live: 'stopped',
      binary: beforeCollecting(registry, collecting.script),
    });
    await using running = runTold(config);
    await collecting.reached(running);

    await expectReadOnly(registry, image);
    await expectPulls(registry, image);

    collecting.open();
    const document = await running;
    expect(document).toMatchObject({ outcome: 'ok', window: { unavailableSeconds: 0 } });
    expect(document.window.readOnlySeconds).toBeGreaterThan(0);
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
    expect(await get(registry.url)).toBeUndefined();
  });

  it('does not start a registry that could be, but did not run when the run began', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    await registry.stop();
    const document = await runTold(configFor(registry));
    expect(document).toMatchObject({ outcome: 'ok', window: { unavailableSeconds: 0 } });
    expect(document.warnings.join('\n')).toContain('The live registry does not run');
    expect(await get(registry.url)).toBeUndefined();
  });
});

describe('a client that pulls all the time', () => {
  it('sees an outage no longer than the report says, and none while the stand-in serves', async () => {
    await using registry = await startRegistry();
    const image = await superseded(registry);
    using collecting = gateIn(registry.directory, 'collect');
    const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    await using client = await pull(registry.url, 'team/app', image);
    await using running = runTold(config);
    await passSlowly(collecting, running);
    const document = await running;
    const attempts = await client.stop();

    expect(document.outcome).toBe('ok');
    const { readOnlySeconds, unavailableSeconds } = document.window;
    // Stopping and starting takes a registry some time: whoever sees none of it has not looked.
    const outage = outageOf(attempts);
    expect(outage).toBeGreaterThan(0);
    expect(outage).toBeLessThanOrEqual(unavailableSeconds);
    expect(unavailableSeconds).toBeLessThan(readOnlySeconds);

    const serving = { from: endOf(running, 'readonly'), to: undoOf(running, 'readonly') };
    const meanwhile = attempts.filter(({ start, end }) => start > serving.from && end < serving.to);
    expect(meanwhile.length).toBeGreaterThan(10);
    expect(meanwhile.filter(({ ok }) => !ok)).toEqual([]);
    expect(attempts.at(0)?.ok).toBe(true);
    expect(attempts.at(-1)?.ok).toBe(true);
  });

  it('sees, where no stand-in is wanted, an outage as long as the report says the whole window was', async () => {
    await using registry = await startRegistry();
    const image = await superseded(registry);
    using collecting = gateIn(registry.directory, 'collect');
    const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    await using client = await pull(registry.url, 'team/app', image);
    await using running = runTold(config, { flags: { readonlyInstance: false } });
    await passSlowly(collecting, running);
    const document = await running;
    const attempts = await client.stop();

    expect(document.outcome).toBe('ok');
    expect(document.steps).toContainEqual(expect.objectContaining({ id: 'readonly', outcome: 'skipped' }));
    const { readOnlySeconds, unavailableSeconds } = document.window;
    expect(unavailableSeconds).toBe(readOnlySeconds);
    expect(outageOf(attempts)).toBeLessThanOrEqual(unavailableSeconds);

    const closed = { from: endOf(running, 'stop'), to: undoOf(running, 'stop') };
    const meanwhile = attempts.filter(({ start, end }) => start > closed.from && end < closed.to);
    expect(meanwhile.length).toBeGreaterThan(10);
    expect(meanwhile.filter(({ ok }) => ok)).toEqual([]);
    expect(closed.to - closed.from).toBeLessThanOrEqual(unavailableSeconds * 1000);
    expect(attempts.at(-1)?.ok).toBe(true);
  });
});

/** The image that a tag names after three pushes. */
async function superseded(registry: TestRegistry): Promise<Pushed> {
  await pushImage(registry.pushUrl, 'team/app', 'latest', { seed: 'one' });
  await pushImage(registry.pushUrl, 'team/app', 'latest', { seed: 'two' });
  return pushImage(registry.pushUrl, 'team/app', 'latest', { seed: 'three' });
}

async function expectReadOnly(registry: TestRegistry, image: Pushed): Promise<void> {
  const { url } = registry;
  const manifest = `/v2/team/app/manifests/${image.digest}`;
  const blob = `/v2/team/app/blobs/${image.blobs[0]}`;
  const type = { 'content-type': image.mediaType };
  const answers = [
    await call(url, 'POST', '/v2/team/app/blobs/uploads/', [405]),
    await call(url, 'POST', `/v2/other/blobs/uploads/?mount=${image.blobs[0]}&from=team/app`, [405]),
    await call(url, 'PUT', '/v2/team/app/manifests/latest', [405], image.bytes, type),
    await call(url, 'DELETE', manifest, [405]),
    await call(url, 'DELETE', blob, [405]),
  ];
  for (const answer of answers) {
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    await answer.arrayBuffer();
  }
}

async function expectPulls(registry: TestRegistry, image: Pushed): Promise<void> {
  const accept = { accept: image.mediaType };
  for (const reference of ['latest', image.digest]) {
    const path = `/v2/team/app/manifests/${reference}`;
    const answer = await call(registry.url, 'GET', path, [200], undefined, accept);
    expect(digestOf(await answer.bytes())).toBe(image.digest);
  }
  expect(image.blobs).toHaveLength(2);
  for (const digest of image.blobs) {
    const answer = await call(registry.url, 'GET', `/v2/team/app/blobs/${digest}`, [200]);
    expect(digestOf(await answer.bytes())).toBe(digest);
  }
}

/** Lets a client pull for a while before the collector begins. */
async function passSlowly(gate: Gate, running: ToldRun): Promise<void> {
  await gate.reached(running);
  await sleep(700);
  gate.open();
}
