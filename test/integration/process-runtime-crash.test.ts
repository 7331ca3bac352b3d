import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Memo } from '../../src/deed.ts';
import { childrenIn } from '../../src/runtime/process/children.ts';
import {
  get,
  inspected,
  newRun,
  ownTmpdir,
  plantBlobs,
  post,
  runtimeFor,
  runtimeOptions,
} from '../support/process-runtime.ts';
import { signal } from '../support/processes.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';

let temporary: ReturnType<typeof ownTmpdir>;
beforeEach(() => {
  temporary = ownTmpdir();
});
afterEach(() => temporary[Symbol.asyncDispose]());

const driver = fileURLToPath(new URL('../support/process-runtime-driver.ts', import.meta.url));

test('a collector that says nothing more does not outlive the process that was killed', async () => {
  await using registry = await startRegistry();
  plantBlobs(registry.root, 2_000);
  const { kill, memos } = await drive(registry, 'collect');
  const [collector] = await childrenIn(String(memos[0]?.directory));
  expect(collector?.argv).toContain('garbage-collect');
  // It cannot meet a broken pipe any more: only the kernel can end it now.
  signal(collector?.pid ?? 0, 'SIGSTOP');
  await kill();
  await expectGone(memos);
  expect(blobDirectories(registry)).toBe(true);
});

test('without setpriv, a collector ends with its next line once its reader was killed', async () => {
  await using registry = await startRegistry();
  plantBlobs(registry.root, 2_000);
  const { kill, memos } = await drive(registry, 'collect', { PATH: temporary.path });
  expect(await childrenIn(String(memos[0]?.directory))).toHaveLength(1);
  await kill();
  await expectGone(memos);
});

test('an interruption ends the collector before it is told', async () => {
  await using registry = await startRegistry();
  plantBlobs(registry.root, 2_000);
  const runtime = runtimeFor(registry);
  const state = await inspected(runtime);
  const interruption = new AbortController();
  let lines = 0;
  const collection = runtime.collect(state, {
    dryRun: true,
    deleteUntagged: false,
    runId: newRun(),
    onLine: () => {
      lines += 1;
      if (lines === 100) interruption.abort(new Error('Ctrl-C'));
    },
  });
  await expect(collection.do(interruption.signal)).rejects.toThrow('Ctrl-C');
  const directory = String(collection.memo.directory);
  expect(await childrenIn(directory)).toEqual([]);
  await collection.undo();
  expect(existsSync(directory)).toBe(false);
});

test('after kill -9 pulls go on, and another process brings everything back from the memos', async () => {
  await using registry = await startRegistry();
  const { kill, memos } = await drive(registry, 'fence');
  await kill();
  await sleep(200);
  expect(await get(registry.url)).toBe(200);
  expect(await post(registry.url)).toBe(405);

  const recovery = runtimeFor(registry);
  for (const memo of memos.toReversed()) await recovery.undo(memo);
  expect(await post(registry.url)).toBe(202);
  const { pid } = registry;
  for (const memo of memos.toReversed()) await recovery.undo(memo);
  expect(registry.pid).toBe(pid);
  expect(await childrenIn(String(memos[1]?.directory))).toEqual([]);
  expect(existsSync(String(memos[1]?.directory))).toBe(false);
});

test('recovery leaves a registry alone that was never stopped, and one that somebody started meanwhile', async () => {
  await using registry = await startRegistry();
  const runtime = runtimeFor(registry);
  const fence = runtime.fence(await inspected(runtime), { standIn: true, runId: newRun() });
  const { pid } = registry;
  const memo = JSON.parse(JSON.stringify(fence.stop.memo)) as Memo;
  await runtimeFor(registry).undo(memo);
  expect(registry.pid).toBe(pid);
  await registry.restart();
  const started = registry.pid;
  await runtimeFor(registry).undo(memo);
  expect(registry.pid).toBe(started);
});

test('recovery touches no process and no directory that a memo should not name', async () => {
  await using registry = await startRegistry();
  const victim = join(temporary.path, 'victim');
  writeFileSync(victim, 'x');
  const runtime = runtimeFor(registry);
  for (const directory of [temporary.path, victim, '/', '', registry.directory]) {
    const memo = { kind: 'process-readonly', runId: newRun(), directory };
    await expect(runtime.undo(memo)).rejects.toThrow('no directory of a run');
  }
  await expect(runtime.undo({ kind: 'docker-stop' })).rejects.toMatchObject({
    code: 'NOT_RESTORED',
    details: [expect.stringContaining('docker-stop')],
    hint: expect.stringContaining('CLEANUP_REGISTRY_RUNTIME=docker registry-cleanup recover'),
  });
  expect(existsSync(victim)).toBe(true);
  expect(await get(registry.url)).toBe(200);
});

interface Driven {
  /** In the order in which the deeds were journaled. */
  readonly memos: readonly Memo[];
  kill(): Promise<void>;
}

/** Another process that does deeds and then waits to be killed. */
async function drive(
  registry: TestRegistry,
  what: 'fence' | 'collect',
  env?: { PATH: string },
): Promise<Driven> {
  const options = { ...runtimeOptions(registry), ...(env === undefined ? {} : { env }) };
  const child = spawn(process.execPath, [driver, JSON.stringify({ options, what, runId: newRun() })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const memos: Memo[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') break;
    memos.push(JSON.parse(line) as Memo);
  }
  return {
    memos,
    async kill() {
      if (child.exitCode !== null) throw new Error(`the driver ended by itself with ${child.exitCode}`);
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function expectGone(memos: readonly Memo[]): Promise<void> {
  const directory = String(memos[0]?.directory);
  for (let tries = 0; tries < 100 && (await childrenIn(directory)).length > 0; tries += 1) await sleep(20);
  expect(await childrenIn(directory)).toEqual([]);
}

function blobDirectories(registry: TestRegistry): boolean {
  return existsSync(join(registry.root, 'docker/registry/v2/blobs'));
}
