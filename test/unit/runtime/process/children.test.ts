import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endChildren } from '../../../../src/runtime/process/children.ts';
import { type ProcessIdentity, statusOf } from '../../../../src/runtime/process/processes.ts';

let child: ChildProcess;
let identity: ProcessIdentity;
beforeEach(async () => {
  child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  identity = { pid: child.pid ?? 0, startTicks: (await statusOf(child.pid ?? 0))?.startTicks ?? -1 };
});
afterEach(async () => {
  vi.restoreAllMocks();
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
});

/** What `ps` would find: nobody once it has ended. */
const alone = async (): Promise<readonly ProcessIdentity[]> =>
  child.exitCode === null && child.signalCode === null ? [identity] : [];

describe('ending what we started', () => {
  it('sees it gone', async () => {
    await endChildren(alone, 5_000);
    expect(child.signalCode).toBe('SIGTERM');
  });

  it('spares a process that has its number by now', async () => {
    const later = { ...identity, startTicks: identity.startTicks + 1 };
    const found = [[later], []];
    await endChildren(async () => found.shift() ?? [], 50);
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  });

  // No process of a test survives SIGKILL: one that waits for a broken disk does.
  it('throws, with the command to try by hand, when it does not end', async () => {
    const sent: unknown[] = [];
    vi.spyOn(process, 'kill').mockImplementation((_pid, signal) => {
      sent.push(signal);
      return true;
    });
    await expect(endChildren(alone, 50, 50)).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringContaining(`kill -KILL ${identity.pid} failed: the process does not end`),
    });
    expect(sent).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('throws the same when it is another user’s', async () => {
    vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    });
    await expect(endChildren(alone, 50, 50)).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringContaining(`kill -KILL ${identity.pid} failed: this user may not end it`),
    });
  });
});
