import { expect, it, vi } from 'vitest';
import { run } from '../../../src/commands/run.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { problem } from '../../../src/errors.ts';
import type { Pipeline } from '../../../src/pipeline/pipeline.ts';
import type { StepId } from '../../../src/pipeline/steps.ts';
import { temporaryDirectory } from '../../support/program.ts';

const failing = vi.hoisted(() => ({ undos: new Map<StepId, Error>() }));

// No real collector survives being killed, and no test's registry a cache that nobody can end.
vi.mock('../../../src/commands/maintain.ts', () => ({
  async maintain({ pipeline, aftermath }: { pipeline: Pipeline; aftermath: { byHand: string } }) {
    aftermath.byHand = 'start it';
    for (const step of ['stop', 'apply', 'collect'] as const) {
      const undo = async (): Promise<void> => {
        const error = failing.undos.get(step);
        if (error !== undefined) throw error;
      };
      await pipeline.deed(step, { memo: { kind: step }, do: async () => {}, undo });
    }
    return { outcome: 'ok' };
  },
}));

async function errorOf(undos: readonly (readonly [StepId, Error])[]) {
  using directory = temporaryDirectory();
  failing.undos = new Map(undos);
  const { config } = await loadConfig({ cwd: directory.path, env: {}, flags: {} });
  const { signal } = new AbortController();
  const options = { config, warnings: [], command: 'run', emit: () => {}, signal, env: {} } as const;
  const { error, exitCode } = await run(options);
  return { ...error, exitCode, command: error?.hint.trimEnd().split('\n').at(-1)?.trim() };
}

const immortal = problem('COMMAND_FAILED', {
  command: 'kill -KILL 7',
  reason: 'the process does not end',
});
const closed = problem('NOT_RESTORED', { reasons: ['no such unit'], command: 'start it' });
const stale = problem('NOT_FRESH', { found: ['registry serve (pid 7)'], command: 'kill 7' });

it('nobody is told to start the registry beside a collector that cannot be ended', async () => {
  expect(await errorOf([['collect', immortal]])).toMatchObject({
    code: 'NOT_RESTORED',
    exitCode: 20,
    command: 'registry-cleanup recover',
    details: [`collect: ${immortal.message}`],
  });
});

it('a registry that does not start is told with the command that starts it', async () => {
  expect(await errorOf([['stop', closed]])).toMatchObject({
    code: 'NOT_RESTORED',
    exitCode: 20,
    command: 'start it',
  });
});

it('a registry that remembers what is gone is told with the command that restarts it', async () => {
  expect(await errorOf([['apply', stale]])).toMatchObject({
    code: 'NOT_FRESH',
    exitCode: 20,
    command: 'kill 7',
  });
});

it('of both, that it does not run is what must be heard; the other is told beside it', async () => {
  const error = await errorOf([
    ['apply', stale],
    ['stop', closed],
  ]);
  expect(error).toMatchObject({ code: 'NOT_RESTORED', command: 'start it' });
  expect(error.details?.join('\n')).toContain('registry serve (pid 7)');
});
