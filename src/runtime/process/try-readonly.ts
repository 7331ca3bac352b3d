import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, reasonOf } from '../../errors.ts';
import { type Ended, startDetached } from '../../exec.ts';
import { pause } from '../../pause.ts';
import { readonlyConfiguration, withoutStorage } from '../../registry/configuration-readonly.ts';
import type { Reach } from '../runtime.ts';
import { answers } from './answer.ts';
import { childrenIn, endChildren, sessionOf } from './children.ts';
import { dyingWithUs } from './collect.ts';
import { freePort } from './free-port.ts';
import type { Ground } from './ground.ts';
import { statusOf } from './processes.ts';
import { graceMs } from './restore.ts';
import { lastLines, makeWorkplace, removeWorkplace, workplaceFor } from './workplace.ts';

/**
 * Starts a registry as the stand-in is started, but over an empty directory and on a port of 127.0.0.1 that nobody
 * knows, lets `ask` ask it, and ends it. Throws COMMAND_FAILED if it does not serve.
 */
export async function tryReadonly<T>(
  ground: Ground,
  { runId, signal }: { readonly runId: string; readonly signal: AbortSignal },
  ask: (reach: Reach) => Promise<T>,
): Promise<T> {
  const directory = workplaceFor(runId, 'serve');
  const url = `http://127.0.0.1:${await freePort()}`;
  try {
    const started = await start(ground, directory, url);
    try {
      await waitUntilServes(ground, started, url, signal);
      return await ask({ url });
    } finally {
      const { leader } = started;
      await endChildren(
        async () => [...(await childrenIn(directory)), ...(await sessionOf(leader))],
        graceMs,
      );
    }
  } finally {
    await removeWorkplace(directory);
  }
}

async function start(ground: Ground, directory: string, url: string) {
  const { binary, cwd, text, configuration, environment } = ground;
  const root = join(directory, 'data');
  const config = await prepare(directory, root, readonlyConfiguration(text, configuration, root));
  const log = join(directory, 'log');
  const env = { ...withoutHttp(withoutStorage(environment)), ...detached(root, url) };
  const [file = '', ...args] = [
    ...(await dyingWithUs(ground.commandEnvironment)),
    binary.path,
    'serve',
    config,
  ];
  const child = await startDetached(file, args, { cwd, env, log });
  const leader = { pid: child.pid, startTicks: (await statusOf(child.pid))?.startTicks ?? -1 };
  const started = { leader, log, ended: undefined as Ended | undefined };
  void child.ended.then((result) => {
    started.ended = result;
  });
  return started;
}

async function prepare(directory: string, root: string, text: string): Promise<string> {
  try {
    const config = await makeWorkplace(directory, text);
    await mkdir(root);
    return config;
  } catch (thrown) {
    return fail('STORAGE_FAILED', { deed: 'create', path: directory, reason: reasonOf(thrown) }, thrown);
  }
}

/**
 * An address of its own, with no other listener and without certificates, and a root of its own: even to a program
 * that starts the registry with another configuration, as one might that defeats read-only mode.
 */
function detached(root: string, url: string): Readonly<Record<string, string>> {
  return {
    REGISTRY_HTTP: JSON.stringify({ addr: new URL(url).host }),
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: root,
  };
}

function withoutHttp<T>(env: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^REGISTRY_HTTP(_|$)/.test(name)));
}

async function waitUntilServes(
  { options: { startTimeoutMs } }: Ground,
  started: Awaited<ReturnType<typeof start>>,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  while (!(await answers(url))) {
    signal.throwIfAborted();
    const { ended } = started;
    if (ended !== undefined || performance.now() > deadline) {
      const reason =
        ended === undefined
          ? `it does not answer within ${startTimeoutMs / 1000} s`
          : ended.signal === undefined
            ? `it exited with ${ended.exitCode}`
            : `it was ended by ${ended.signal}`;
      const output = await lastLines(started.log);
      fail('COMMAND_FAILED', { command: 'A throw-away read-only instance', reason, output });
    }
    await pause(20, signal);
  }
}
