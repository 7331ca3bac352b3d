import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { post } from '../support/process-runtime.ts';
import { configFor, report } from '../support/program.ts';
import { liveCommands, startRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { superseded } from '../support/untouched.ts';
import { beforeCollecting } from '../support/wrapper.ts';

it('of six runs that start at once on one storage, exactly one runs and the others end with exit 4', async () => {
  await using registry = await startRegistry();
  await superseded(registry);
  const before = closure(registry.root);
  using collecting = gateIn(registry.directory, 'collect');
  const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });

  let ended = 0;
  const starts = Array.from({ length: 6 }, async () => {
    const run = await report('run', config);
    // The winner waits at the gate for all others, so that none of them comes when it is over.
    if (++ended === 5) collecting.open();
    return run;
  });
  const runs = await Promise.all(starts);
  const told = runs.map(({ exitCode, report: { outcome, error } }) => ({
    exitCode,
    outcome,
    code: error?.code,
  }));
  expect(told.filter(({ exitCode }) => exitCode === 0)).toEqual([
    { exitCode: 0, outcome: 'ok', code: undefined },
  ]);
  expect(told.filter(({ exitCode }) => exitCode !== 0)).toEqual(
    Array(5).fill({ exitCode: 4, outcome: 'failed', code: 'LOCK_HELD' }),
  );
  assertNothingLost(before, closure(registry.root));
  expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  expect(await post(registry.url)).toBe(202);
});

it('a run that comes at any moment of another one ends with exit 4, or does its own work afterwards', async () => {
  await using registry = await startRegistry();
  await superseded(registry);
  const before = closure(registry.root);
  const config = configFor(registry);
  let over = false;
  const first = runTold(config).finally(() => {
    over = true;
  });
  const runs = [];
  while (!over) {
    runs.push(await runTold(config));
    await sleep(5);
  }
  runs.push(await first);
  const ends = runs.map(({ exitCode, error }) => (exitCode === 0 ? 'done' : (error?.code ?? '')));
  expect(new Set(ends)).toEqual(new Set(['done', 'LOCK_HELD']));
  assertNothingLost(before, closure(registry.root));
  expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  expect(await post(registry.url)).toBe(202);
});

it('a run that looks at the registry just when another one closes it ends with exit 4, not with an error', async () => {
  await using registry = await startRegistry();
  await superseded(registry);
  using collecting = gateIn(registry.directory, 'collect');
  const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
  // Asks the registry what it holds, and gets no answer until the other run has closed it.
  const asked = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const hanging = createServer((socket) => {
    asked.resolve();
    void closed.promise.then(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const { port } = hanging.address() as AddressInfo;
  const late = configFor(registry, { registry: { url: `http://127.0.0.1:${port}` } });

  await using second = runTold(late);
  await asked.promise;
  await using winner = runTold(config);
  await collecting.reached(winner);
  closed.resolve();
  expect(await second).toMatchObject({ exitCode: 4, error: { code: 'LOCK_HELD' } });
  collecting.open();
  expect(await winner).toMatchObject({ exitCode: 0, outcome: 'ok' });
  hanging.close();
});

it('a registry that was not there at first sight, and is when the lock is taken, is closed like any other', async () => {
  await using registry = await startRegistry();
  await superseded(registry);
  const before = closure(registry.root);
  await registry.stop();
  const document = await runTold(configFor(registry), {
    onEvent(event) {
      if (event.type !== 'step-started' || event.id !== 'lock') return;
      execFileSync(String(liveCommands(registry).start[0]), ['start']);
      execFileSync('sleep', ['1']);
    },
  });
  expect(document).toMatchObject({ exitCode: 0, outcome: 'ok' });
  expect(document.window.unavailableSeconds).toBeGreaterThan(0);
  assertNothingLost(before, closure(registry.root));
  expect(await post(registry.url)).toBe(202);
});
