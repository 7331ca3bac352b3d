import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { problem } from '../../src/errors.ts';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { post } from '../support/process-runtime.ts';
import { configFor, program, report } from '../support/program.ts';
import { liveCommands, startRegistry } from '../support/registry.ts';
import { runTold, type ToldRun } from '../support/run-told.ts';
import { superseded } from '../support/untouched.ts';
import { beforeCollecting } from '../support/wrapper.ts';

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
  const others = runs.filter(({ exitCode, error }) => exitCode !== 0 && error?.code !== 'LOCK_HELD');
  expect(others).toEqual([]);
  expect(new Set(runs.map(({ exitCode }) => exitCode))).toEqual(new Set([0, 4]));
  assertNothingLost(before, closure(registry.root));
  expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  expect(await post(registry.url)).toBe(202);
});

it('a run that looks at the registry just when another one closes it ends with exit 4, not with an error', async () => {
  await using registry = await startRegistry();
  await superseded(registry);
  using collecting = gateIn(registry.directory, 'collect');
  const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
  using hanging = await hangingBefore(registry);
  const late = configFor(registry, { registry: { url: hanging.url } });

  await using second = runTold(late);
  await hanging.asked;
  await using winner = runTold(config);
  await collecting.reached(winner);
  hanging.hangUp();
  expect(await second).toMatchObject({ exitCode: 4, error: { code: 'LOCK_HELD' } });
  collecting.open();
  expect(await winner).toMatchObject({ exitCode: 0, outcome: 'ok' });
});

it('a run whose look failed while another one was at work, which has ended since, looks again and does its own', async () => {
  await using registry = await startRegistry();
  await superseded(registry);
  const before = closure(registry.root);
  using hanging = await hangingBefore(registry);
  const late = configFor(registry, { registry: { url: hanging.url } });

  await using second = runTold(late, {
    onEvent(event) {
      if (event.type === 'step-started' && event.id === 'lock') hanging.leadOn();
    },
  });
  await hanging.asked;
  expect(await runTold(configFor(registry))).toMatchObject({ exitCode: 0, outcome: 'ok' });
  hanging.hangUp();
  expect(await second).toMatchObject({ exitCode: 0, outcome: 'nothing-to-do', error: null });
  assertNothingLost(before, closure(registry.root));
  expect(await post(registry.url)).toBe(202);
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

describe('a run that waits for another one', () => {
  it('tells which, looks at everything anew, and does its own work', async () => {
    await using registry = await startRegistry();
    const { doomed } = await superseded(registry);
    const before = closure(registry.root);
    using collecting = gateIn(registry.directory, 'collect');
    // One of the two manifests that nobody needs is left for the run that waits.
    await using first = runTold(
      configFor(registry, {
        binary: beforeCollecting(registry, collecting.script),
        more: { untagged: { keepWithin: '0s', protect: [doomed.digest] } },
      }),
    );
    await collecting.reached(first);
    await using second = runTold(configFor(registry, { more: { ...removesAll, lock: { wait: '5m' } } }));
    await waits(second);
    collecting.open();
    expect(await first).toMatchObject({ outcome: 'ok', removed: { manifests: 1 } });
    expect(await second).toMatchObject({ outcome: 'ok', removed: { manifests: 1 }, error: null });
    assertNothingLost(before, closure(registry.root));
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
    expect(await post(registry.url)).toBe(202);
  });

  it('ends with exit 4 when that is not over in time, and with 143 at once when it is told to', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    using collecting = gateIn(registry.directory, 'collect');
    const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    await using first = runTold(config);
    await collecting.reached(first);

    const [flag, variable, recovery] = await Promise.all([
      report('run', config, ['--wait-lock', '1s']),
      report('run', config, [], { env: { CLEANUP_LOCK_WAIT: '1s' } }),
      program(['recover', '--config', config, '--json', '--wait-lock', '1s']),
    ]);
    for (const { exitCode, report } of [flag, variable])
      expect({ exitCode, code: report.error?.code }).toEqual({ exitCode: 4, code: 'LOCK_HELD' });
    expect(recovery.exitCode).toBe(4);

    const interruption = new AbortController();
    const patient = configFor(registry, { more: { ...removesAll, lock: { wait: '24h' } } });
    await using third = runTold(patient, { signal: interruption.signal });
    await waits(third);
    interruption.abort(problem('INTERRUPTED', { signal: 'SIGTERM' }));
    expect(await third).toMatchObject({ exitCode: 143, outcome: 'interrupted' });

    collecting.open();
    expect(await first).toMatchObject({ exitCode: 0, outcome: 'ok' });
  });

  it('to recover what that may leave open finds nothing when it ends well', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    using collecting = gateIn(registry.directory, 'collect');
    const config = configFor(registry, { binary: beforeCollecting(registry, collecting.script) });
    await using first = runTold(config);
    await collecting.reached(first);
    const recovery = program(['recover', '--config', config, '--json', '--wait-lock', '5m']);
    await sleep(1_000);
    collecting.open();
    expect(await first).toMatchObject({ exitCode: 0, outcome: 'ok' });
    const { exitCode, stdout } = await recovery;
    expect({ exitCode, ...JSON.parse(stdout) }).toMatchObject({ exitCode: 0, recovered: [], error: null });
    expect(await post(registry.url)).toBe(202);
  });
});

interface Hanging extends Disposable {
  readonly url: string;
  /** Somebody has asked. */
  readonly asked: Promise<void>;
  hangUp(): void;
  /** From now on it is the registry that answers. */
  leadOn(): void;
}

/** Before a registry: gives no answer to whoever asks what that holds, and at last hangs up. */
async function hangingBefore(registry: { readonly url: string }): Promise<Hanging> {
  const asked = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  let leadsOn = false;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    if (leadsOn) {
      const { hostname, port } = new URL(registry.url);
      const onwards = connect(Number(port), hostname);
      onwards.on('error', () => socket.destroy());
      socket.pipe(onwards).pipe(socket);
      return;
    }
    asked.resolve();
    void over.promise.then(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked: asked.promise,
    hangUp: () => over.resolve(),
    leadOn() {
      leadsOn = true;
    },
    [Symbol.dispose]: () => void server.close(),
  };
}

const removesAll = { untagged: { keepWithin: '0s' } };

/** Returns once it tells that it waits. */
async function waits(run: ToldRun): Promise<void> {
  const told = () =>
    run.events.some(
      (event) => event.type === 'progress' && /^waiting for run \S+ \(pid/.test(event.text ?? ''),
    );
  await vi.waitUntil(told, { timeout: 60_000 });
}
