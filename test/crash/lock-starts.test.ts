import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compiled } from '../support/compiled.ts';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { pidNamespace } from '../support/pid-namespace.ts';
import { post } from '../support/process-runtime.ts';
import { configFor, report, temporaryDirectory } from '../support/program.ts';
import { startRegistry } from '../support/registry.ts';
import { superseded } from '../support/untouched.ts';
import { beforeCollecting } from '../support/wrapper.ts';

/** So many runs at once. */
const starts = 20;
const repeats = process.env.LONG === '1' ? 50 : 1;
const own = pidNamespace();
const ways = [
  { from: 'of one machine', under: [] },
  ...(own === undefined ? [] : [{ from: 'from pid namespaces of their own', under: own }]),
];

it.for(ways)(
  `of ${starts} runs that start at once on one storage, exactly one runs and the others end with exit 4, $from`,
  { timeout: repeats * 240_000 },
  async ({ under }) => {
    for (let repeat = 0; repeat < repeats; repeat++) {
      await using registry = await startRegistry();
      await superseded(registry);
      const before = closure(registry.root);
      // Who cannot see the live registry's process cannot stop it.
      if (under.length > 0) await registry.stop();
      using collecting = gateIn(registry.directory, 'collect');
      const binary = beforeCollecting(registry, collecting.script);
      const config = configFor(registry, { binary, live: under.length > 0 ? 'stopped' : undefined });

      let ended = 0;
      const runs = await Promise.all(
        Array.from({ length: starts }, async () => {
          const run = await report('run', config, [], { under, env: { NODE_COMPILE_CACHE: compiled } });
          // The winner waits at the gate for all others: none of them comes when it is over, or waits for it.
          if (++ended === starts - 1) collecting.open();
          return { exitCode: run.exitCode, code: run.report.error?.code };
        }),
      );
      expect(runs.filter(({ exitCode }) => exitCode === 0)).toEqual([{ exitCode: 0, code: undefined }]);
      expect(runs.filter(({ exitCode }) => exitCode !== 0)).toEqual(
        Array(starts - 1).fill({ exitCode: 4, code: 'LOCK_HELD' }),
      );
      if (under.length > 0) await registry.start();
      assertNothingLost(before, closure(registry.root));
      expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
      expect(await post(registry.url)).toBe(202);
    }
  },
);

it(
  'the lock is held by one at any moment, whatever of them give it back, wait for it, and die with it',
  async () => {
    using directory = temporaryDirectory();
    const args = [
      join(import.meta.dirname, '../support/lock-driver.ts'),
      join(directory.path, 'state'),
      String(20 * repeats),
    ];
    const ends = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
        const [exitCode] = (await once(child, 'exit')) as [number | null];
        return exitCode;
      }),
    );
    expect(ends).toEqual(Array(8).fill(0));
  },
  repeats * 120_000,
);
