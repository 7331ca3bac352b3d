import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, signalGroup, startDetached, startLines } from '../../src/exec.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const env = { PATH: process.env.PATH };
const sh = (script: string, timeoutMs = 10_000) => run('sh', ['-c', script], { cwd, env, timeoutMs });

test('tells how a command ended and what it said', async () => {
  expect(await sh('echo a; echo b >&2; printf c; exit 3')).toEqual({
    exitCode: 3,
    signal: undefined,
    stdout: 'a\nc\n',
    stderr: 'b\n',
    timedOut: false,
  });
  expect(await sh('kill -TERM $$')).toMatchObject({ exitCode: undefined, signal: 'SIGTERM' });
});

test('keeps the end of what a chatty command says', async () => {
  const { stdout } = await run('sh', ['-c', 'yes word | head -100000; echo end'], {
    cwd,
    env,
    timeoutMs: 10_000,
    tailBytes: 100,
  });
  expect(stdout).toHaveLength(100);
  expect(stdout.endsWith('word\nend\n')).toBe(true);
});

test('kills a command that takes too long, with all that it started', async () => {
  const { signal, timedOut, stdout } = await sh('sleep 60 & echo $!; sleep 60', 300);
  expect({ signal, timedOut }).toEqual({ signal: 'SIGKILL', timedOut: true });
  await sleep(100);
  expect(stateOf(Number(stdout))).not.toMatch(/[SRD]/);
});

test('does not wait for a background process that keeps the pipe open', async () => {
  const before = performance.now();
  const { stdout } = await sh('sleep 60 & echo $!');
  expect(performance.now() - before).toBeLessThan(5_000);
  process.kill(Number(stdout), 'SIGKILL');
});

test('passes nothing of our environment on', async () => {
  process.env.EXEC_TEST_SECRET = 'secret';
  try {
    expect((await sh('env')).stdout).not.toContain('EXEC_TEST_SECRET');
  } finally {
    delete process.env.EXEC_TEST_SECRET;
  }
});

test('says which command cannot be started, and why', async () => {
  await expect(run('nonesuch', ['arg'], { cwd, env, timeoutMs: 1_000 })).rejects.toMatchObject({
    code: 'COMMAND_FAILED',
    message: expect.stringMatching(/^nonesuch arg failed: .*ENOENT/),
  });
});

test('hands over lines as they are, the last one without a newline too', async () => {
  const lines: string[] = [];
  const child = await startLines('printf', ['a\\n\\nü\\r\\nlast'], {
    cwd,
    env,
    onLine: (line, stream) => lines.push(`${stream}:${line}`),
  });
  expect(await child.ended).toEqual({ exitCode: 0, signal: undefined });
  expect(lines).toEqual(['stdout:a', 'stdout:', 'stdout:ü\r', 'stdout:last']);
});

test('cuts a line that never ends', async () => {
  const lengths: number[] = [];
  const child = await startLines('sh', ['-c', 'head -c 1000000 /dev/zero | tr "\\0" x; echo; echo short'], {
    cwd,
    env,
    onLine: (line) => lengths.push(line.length),
  });
  await child.ended;
  expect(lengths).toEqual([64 * 1024, 5]);
});

test('loses no line of a child that ends while the program is busy', async () => {
  let lines = 0;
  const child = await startLines('seq', ['40000'], {
    cwd,
    env,
    onLine: () => {
      lines += 1;
      if (lines % 10_000 === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
    },
  });
  await child.ended;
  expect(lines).toBe(40_000);
});

test('ends the child and tells, when nobody wants its lines', async () => {
  const child = await startLines('yes', [], {
    cwd,
    env,
    onLine: () => {
      throw new Error('enough');
    },
  });
  await expect(child.ended).rejects.toThrow('enough');
  await sleep(100);
  expect(signalGroup(child.pid, 'SIGTERM')).toBe(false);
});

test('a detached child is in a session of its own and writes to a file that only we can read', async () => {
  const log = join(cwd, 'log');
  const child = await startDetached('sh', ['-c', 'echo $$; echo complaint >&2; exit 4'], { cwd, env, log });
  expect(await child.ended).toEqual({ exitCode: 4, signal: undefined });
  expect(readFileSync(log, 'utf8')).toBe(`${child.pid}\ncomplaint\n`);
  expect(statSync(log).mode & 0o777).toBe(0o600);
});

function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? '';
  } catch {
    return 'gone';
  }
}
