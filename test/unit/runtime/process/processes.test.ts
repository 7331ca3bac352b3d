import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import {
  argumentsOf,
  asSeenBy,
  environmentOf,
  isAlive,
  statusOf,
  waitUntilGone,
  workingDirectoryOf,
} from '../../../../src/runtime/process/processes.ts';

const nobody = 2 ** 22 + 1;

test('knows a process by its number and start time', async () => {
  const status = await statusOf(process.pid);
  expect(status?.pid).toBe(process.pid);
  expect(await isAlive(status!)).toBe(true);
  expect(await isAlive({ pid: process.pid, startTicks: (status?.startTicks ?? 0) - 1 })).toBe(false);
  expect(await statusOf(nobody)).toBeUndefined();
});

test('reads arguments, environment and working directory of another process', async () => {
  const child = spawn('sleep', ['60'], { cwd: '/usr', env: { A: 'b=c', EMPTY: '' } });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  expect(argumentsOf(pid)).toEqual(['sleep', '60']);
  expect({ ...(await environmentOf(pid)) }).toEqual({ A: 'b=c', EMPTY: '' });
  expect(await workingDirectoryOf(pid)).toBe('/usr');
  expect(asSeenBy(pid, '/etc')).toBe(`/proc/${pid}/root/etc`);
  expect(asSeenBy(pid, 'lib')).toBe(`/proc/${pid}/cwd/lib`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(argumentsOf(pid)).toBeUndefined();
  expect(await environmentOf(pid)).toBeUndefined();
  expect(await workingDirectoryOf(pid)).toBeUndefined();
});

test('a name with parentheses and spaces does not shift the fields', async () => {
  const child = spawn('sh', ['-c', 'printf ") S 1 (x" >/proc/$$/comm; echo; exec cat']);
  await once(child.stdout, 'data');
  const status = await statusOf(child.pid ?? 0);
  expect(status?.startTicks).toBeGreaterThan(0);
  expect(await isAlive(status!)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a zombie is gone', async () => {
  // The shell becomes a sleep, which never asks how its child ended.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60']);
  const pid = Number(String((await once(parent.stdout, 'data'))[0]));
  const identity = await statusOf(pid);
  expect(await waitUntilGone([identity!], 5_000)).toEqual([]);
  expect((await statusOf(pid))?.state).toBe('Z');
  parent.kill('SIGKILL');
});

test('waits no longer than it may, and tells who is left', async () => {
  const self = await statusOf(process.pid);
  expect(await waitUntilGone([self!], 50)).toEqual([self]);
  await expect(waitUntilGone([self!], 60_000, AbortSignal.abort(new Error('Ctrl-C')))).rejects.toThrow(
    'Ctrl-C',
  );
});
