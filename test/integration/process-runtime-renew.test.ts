import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Memo } from '../../src/deed.ts';
import { at } from '../support/layout.ts';
import { get, inspected, newRun, ownTmpdir, post, quiet, runtimeFor } from '../support/process-runtime.ts';
import { servingPids } from '../support/processes.ts';
import { type Pushed, pushImage } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';

let temporary: ReturnType<typeof ownTmpdir>;
beforeEach(() => {
  temporary = ownTmpdir();
});
afterEach(() => temporary[Symbol.asyncDispose]());

/** A registry that was stopped by a run, which removes something while somebody starts it again; and what it says of that. */
async function startedMeanwhile(registry: TestRegistry, start: () => Promise<void>) {
  const image = await pushImage(registry.pushUrl, 'app', 'latest');
  const runtime = runtimeFor(registry, { stopTimeoutMs: 5_000 });
  const state = await inspected(runtime);
  const runId = newRun();
  const fence = runtime.fence(state, { standIn: false, runId });
  await fence.stop.do(quiet);
  const renew = runtime.renew(state, { runId });
  if (renew === undefined) throw new Error('there is nothing to undo');
  await renew.do(quiet);
  await start();
  // It has it in its memory now.
  expect(await hasLayer(registry, image)).toBe(true);
  rmSync(join(registry.root, at.layer('app', String(image.blobs[0]))));
  expect(await hasLayer(registry, image)).toBe(true);
  return { image, fence, renew, stale: servingPids(registry.configFile) };
}

async function hasLayer(registry: TestRegistry, image: Pushed): Promise<boolean> {
  const { status } = await fetch(`${registry.url}/v2/app/blobs/${image.blobs[0]}`, { method: 'HEAD' });
  return status === 200;
}

test('a live registry that somebody started while references went is started afresh, and forgets them', async () => {
  await using registry = await startRegistry();
  const { image, fence, renew, stale } = await startedMeanwhile(registry, () => registry.start());
  await renew.undo();
  expect(servingPids(registry.configFile)).toHaveLength(1);
  expect(registry.pid).not.toBe(stale[0]);
  expect(await hasLayer(registry, image)).toBe(false);
  expect(await post(registry.url)).toBe(202);
  // Once is enough; and what stopped it has nothing to do any more.
  const { pid } = registry;
  await renew.undo();
  await fence.stop.undo();
  expect(registry.pid).toBe(pid);
});

test('so it is by another process, from the memo alone, as often as that comes', async () => {
  await using registry = await startRegistry();
  const { image, renew, stale } = await startedMeanwhile(registry, () => registry.start());
  const memo = JSON.parse(JSON.stringify(renew.memo)) as Memo;
  const recovery = runtimeFor(registry);
  await recovery.undo(memo);
  expect(registry.pid).not.toBe(stale[0]);
  expect(await hasLayer(registry, image)).toBe(false);
  await recovery.undo(memo);
  expect(await get(registry.url)).toBe(200);
  expect(servingPids(registry.configFile)).toHaveLength(1);
});

test('what registry.live does not stop is left alone, and told with the command that restarts it', async () => {
  await using registry = await startRegistry();
  const { renew, stale } = await startedMeanwhile(registry, () => startByHand(registry));
  const told: unknown = await renew.undo().catch((thrown: unknown) => thrown);
  expect(told).toMatchObject({
    code: 'NOT_FRESH',
    exitCode: 20,
    details: [expect.stringContaining(`serve ${registry.configFile} (pid ${stale[0]})`)],
  });
  expect(servingPids(registry.configFile)).toEqual(stale);

  const { hint } = told as { hint: string };
  const command = hint.trimEnd().split('\n').at(-1)?.trim() ?? '';
  // Not waited for by blocking: the old one is a child of ours, and goes when we hear of its end.
  await promisify(execFile)('/bin/sh', ['-c', command], { timeout: 20_000 });
  while ((await get(registry.url)) === undefined) await sleep(10);
  expect(servingPids(registry.configFile)).toHaveLength(1);
  expect(registry.pid).not.toBe(stale[0]);
});

test('a registry that is said to be stopped and was started meanwhile is nobody’s to end', async () => {
  await using registry = await startRegistry({ start: false });
  const runtime = runtimeFor(registry, { live: 'stopped' });
  const renew = runtime.renew(await inspected(runtime), { runId: newRun() });
  await renew?.do(quiet);
  await registry.start();
  const { pid } = registry;
  await expect(renew?.undo()).rejects.toMatchObject({
    code: 'NOT_FRESH',
    hint: expect.stringMatching(new RegExp(`\\n {4}kill ${pid}\\n$`)),
  });
  expect(registry.pid).toBe(pid);
});

test('where nothing was removed, nobody serves, or the machine was started anew, nothing is restarted', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const renew = runtime.renew(state, { runId: newRun() });
  const { pid } = registry;
  await renew?.undo();
  expect(registry.pid).toBe(pid);

  const memo = { ...renew?.memo, boot: 'another boot' } as Memo;
  await runtime.undo(memo);
  expect(registry.pid).toBe(pid);

  await registry.stop();
  await renew?.do(quiet);
  await renew?.undo();
  expect(registry.pid).toBeUndefined();
});

test('a stand-in, and a registry of another storage, are no such registry', async () => {
  await using registry = await startRegistry();
  await using other = await startRegistry();
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const runId = newRun();
  const fence = runtime.fence(state, { standIn: true, runId });
  await fence.stop.do(quiet);
  await fence.readonly?.do(quiet);
  const renew = runtime.renew(state, { runId });
  await renew?.do(quiet);
  const { pid } = other;
  await renew?.undo();
  expect(await post(registry.url)).toBe(405);
  expect(other.pid).toBe(pid);
  await fence.readonly?.undo();
  await fence.stop.undo();
});

/** As somebody does who does not know of the init script. */
async function startByHand(registry: TestRegistry): Promise<void> {
  const { binary, configFile, environment } = registry;
  const child = spawn(binary, ['serve', configFile], { detached: true, stdio: 'ignore', env: environment });
  await once(child, 'spawn');
  while ((await get(registry.url)) === undefined) await sleep(10);
}
