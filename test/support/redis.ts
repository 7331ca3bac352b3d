import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './registry.ts';

const patience = 20_000;

export interface TestRedis extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Its own directory, removed when disposed. */
  readonly directory: string;
  /** Runs redis-cli with these arguments; what it prints. Logged in as the default user. */
  cli(...args: readonly string[]): string;
  /** Names of the keys in database `db`, sorted. */
  keys(db?: number): readonly string[];
  /** Gone with all that it held: it keeps nothing on disk. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface RedisOptions {
  /** Of the default user. */
  readonly password?: string;
  /** More of its command line: `--maxmemory`, `1mb`. */
  readonly args?: readonly string[];
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A real Redis on 127.0.0.1 that writes nothing to disk, and answers when this returns. */
export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-redis-'));
  const { password } = options;
  const login = password === undefined ? {} : { REDISCLI_AUTH: password };
  let child: ChildProcess | undefined;

  const redis: TestRedis = {
    port,
    address: `127.0.0.1:${port}`,
    directory,
    cli(...args) {
      const env = { PATH: process.env.PATH, ...login };
      // With -e an error is one for us, too.
      const all = ['-e', '-h', '127.0.0.1', '-p', String(port), ...args];
      return execFileSync('redis-cli', all, { env, encoding: 'utf8', stdio: 'pipe' }).trimEnd();
    },
    keys(db = 0) {
      const text = redis.cli('-n', String(db), '--scan');
      return text === '' ? [] : text.split('\n').sort();
    },
    async start() {
      const plain = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
      const forgetful = ['--save', '', '--appendonly', 'no'];
      const locked = password === undefined ? [] : ['--requirepass', password];
      const args = [...plain, ...forgetful, ...locked, ...(options.args ?? [])];
      child = spawn('redis-server', args, { stdio: 'ignore' });
      running.add(child);
      child.once('error', () => undefined);
      for (const deadline = Date.now() + patience; Date.now() < deadline; await sleep(10)) {
        if (child.exitCode !== null) break;
        if (answers(redis)) return;
      }
      throw new Error(`redis-server ${args.join(' ')} does not answer (exit code ${child.exitCode})`);
    },
    async stop() {
      if (child === undefined) return;
      running.delete(child);
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      child.kill('SIGKILL');
      await ended;
      child = undefined;
    },
    async [Symbol.asyncDispose]() {
      await redis.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await redis.start();
  return redis;
}

function answers(redis: TestRedis): boolean {
  try {
    return redis.cli('PING') === 'PONG';
  } catch {
    return false;
  }
}
