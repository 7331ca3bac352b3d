import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { lateBlob, lateManifest } from '../support/late-request.ts';
import { at, digestOf } from '../support/layout.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { get, post } from '../support/process-runtime.ts';
import { gone, servingPids, signal } from '../support/processes.ts';
import { configFor } from '../support/program.ts';
import { noise } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { changesSince, isUnderItsScript, type Superseded, superseded } from '../support/untouched.ts';
import { wrapBinary } from '../support/wrapper.ts';

freshTmpdir();

describe('an instance that should be read-only, and accepts an upload', () => {
  it.each([
    [
      'a variable says otherwise',
      `[ "$1" = serve ] && export REGISTRY_STORAGE_MAINTENANCE='{"readonly":{"enabled":false}}'`,
    ],
    [
      'a script rewrites its configuration',
      `[ "$1" = serve ] && sed -i 's/"readonly":{[^}]*}/"readonly":{"enabled":false}/' "$2"`,
    ],
    [
      'the registry is given its usual configuration',
      '[ "$1" = serve ] && exec "$real" serve "$original" "$2"',
    ],
  ])('stops with exit 5 where %s: nothing is deleted, the registry is back', async (_how, script) => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const config = configFor(registry, { binary: wrapBinary(registry, script) });
    const document = await runTold(config);
    expect(document).toMatchObject({ outcome: 'failed', exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(document.error?.message).toContain('accepted an upload');
    await expectBack(registry, content);
  });

  it('stops and ends it where it hides from us which configuration it uses', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const binary = wrapBinary(registry, '[ "$1" = serve ] && exec "$real" serve "$original"');
    const document = await runTold(configFor(registry, { binary }));
    expect(document).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(document.error?.message).toContain(`listens on port ${registry.port}, where the stand-in should`);
    await expectBack(registry, content);
  });

  it('is not mistaken for another registry, which registry.url leads to and which is read-only', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    // It holds the same: what is compared of the tags tells no difference.
    const root = join(registry.directory, 'mirror');
    cpSync(registry.root, root, { recursive: true });
    await using mirror = await startRegistry({
      root,
      config: { storage: { maintenance: { readonly: { enabled: true } } } },
    });
    const script = `[ "$1" = serve ] && export REGISTRY_STORAGE_MAINTENANCE='{"readonly":{"enabled":false}}'`;
    const binary = wrapBinary(registry, script);
    const document = await runTold(configFor(registry, { binary, registry: { url: mirror.url } }));
    expect(document).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    await expectBack(registry, content);
  });
});

describe('something else that answers with 405', () => {
  const answers = [
    [
      '405 in JSON, as a pull-through cache does',
      { 'content-type': 'application/json; charset=utf-8', api: true },
    ],
    ['405 without the header of a registry, as a proxy does', { 'content-type': 'text/plain', api: false }],
  ] as const;

  it.each(answers)('is no proof where the instance itself says %s', async (_what, answer) => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const program = `require('node:http').createServer((request, response) => {
      const headers = { 'content-type': '${answer['content-type']}' };
      if (${answer.api}) headers['docker-distribution-api-version'] = 'registry/2.0';
      response.writeHead(request.method === 'GET' ? 200 : 405, headers).end('{}');
    }).listen(${registry.port}, '127.0.0.1')`;
    const script = `[ "$1" = serve ] && exec '${process.execPath}' -e "${program.replaceAll('"', '\\"')}" "$@"`;
    const document = await runTold(configFor(registry, { binary: wrapBinary(registry, script) }));
    expect(document).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(document.error?.message).toContain('answered with 405');
    await expectBack(registry, content);
  });

  it.each(answers)('is no proof where a proxy at registry.url says %s', async (_what, answer) => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    await using proxy = await startProxy(registry, answer);
    const document = await runTold(configFor(registry, { registry: { url: proxy.url } }));
    expect(document).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(document.error?.message).toContain('answered with 405');
    await expectBack(registry, content);
  });

  it('is refused with exit 6 before anything stops where the registry is a pull-through cache', async () => {
    await using upstream = await startRegistry();
    await using plain = await startRegistry();
    const content = await superseded(plain);
    await plain.stop();
    await using registry = await startRegistry({
      root: plain.root,
      config: { proxy: { remoteurl: upstream.url } },
    });
    await expectRefused(registry, content, configFor(registry), 'pull-through cache');
  });
});

describe('an old process that lives on behind a closed port', () => {
  it('stops with exit 5 when it does not end in time; what it commits late is not lost', async () => {
    await using registry = await startRegistry({ drainTimeout: '60s' });
    const content = await superseded(registry);
    const before = closure(registry.root);
    const blob = noise('late');
    const requests = [
      await lateManifest(registry.pushUrl, 'team/app', 'late', content.doomed),
      await lateBlob(registry.pushUrl, 'elsewhere', blob),
    ];
    const { pid } = registry;
    const statuses: Promise<number>[] = [];
    const drain = { timeout: '0s' };
    const config = configFor(registry, { registry: { drain, stopTimeout: '1s' } });
    const document = await runTold(config, {
      onEvent(event) {
        if (event.type !== 'undo' || event.id !== 'stop' || event.outcome !== 'started') return;
        // It still has not committed when the run has given up, and does while the registry is being brought back.
        setTimeout(() => statuses.push(...requests.map((request) => request.finish())), 300);
      },
    });
    expect(document).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
    expect(document.error?.message).toContain(`(pid ${pid}) still runs`);
    expect(await Promise.all(statuses)).toEqual([201, 201]);

    const changes = changesSince(registry, content);
    expect(changes.filter((change) => change.includes(' removed'))).toEqual([]);
    const after = closure(registry.root);
    assertNothingLost(before, after);
    expect(after.get('team/app:late')).toMatchObject({ target: content.doomed.digest, damaged: [] });
    expect(changes).toContain(`${at.blob(digestOf(blob))} added`);
    expect(registry.pid).not.toBe(pid);
    expect(isUnderItsScript(registry)).toBe(true);
    expect(await post(registry.url)).toBe(202);
  });

  it('is waited for, and what it commits meanwhile stays', async () => {
    await using registry = await startRegistry({ drainTimeout: '60s' });
    const content = await superseded(registry);
    const before = closure(registry.root);
    const late = await lateManifest(registry.pushUrl, 'team/app', 'late', content.doomed);
    let status: Promise<number> | undefined;
    const document = await runTold(configFor(registry, { registry: { drain: { timeout: '0s' } } }), {
      onEvent(event) {
        if (event.type !== 'step-started' || event.id !== 'stop') return;
        setTimeout(() => {
          status = late.finish();
        }, 1_000);
      },
    });
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 1 } });
    expect(await status).toBe(201);
    const after = closure(registry.root);
    assertNothingLost(before, after);
    expect(after.get('team/app:late')).toMatchObject({ target: content.doomed.digest, damaged: [] });
    expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
  });
});

describe('a supervisor that nobody told', () => {
  it.each([true, false])(
    'and that restarts the registry at once makes the run stop with exit 5 (stand-in: %s)',
    async (readonlyInstance) => {
      await using registry = await startRegistry();
      const content = await superseded(registry);
      await registry.stop();
      await using supervised = await supervise(registry);
      const config = configFor(registry, { live: { start: ['true'], stop: supervised.stop } });
      const document = await runTold(config, { flags: { readonlyInstance } });
      expect(document).toMatchObject({ exitCode: 5, error: { code: 'FENCE_FAILED' } });
      expect(changesSince(registry, content)).toEqual([]);
      expect(await post(registry.url)).toBe(202);
    },
  );
});

describe('what is refused with exit 6 before anything stops', () => {
  it('a second registry that writes to the same storage on another port', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    await using second = await startRegistry({ root: registry.root });
    await expectRefused(registry, content, configFor(registry), `(pid ${second.pid}) writes there too`);
    expect(await post(second.url)).toBe(202);
  });

  it('a registry that runs although it is said to be stopped', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    const config = configFor(registry, { live: 'stopped' });
    await expectRefused(registry, content, config, `registry.live is "stopped", but`);
  });

  it('something else that listens on the address of a registry that is said to be stopped', async () => {
    await using registry = await startRegistry();
    const content = await superseded(registry);
    await registry.stop();
    const squatter = createServer((_request, response) => response.end()).listen(registry.port, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      const document = await runTold(configFor(registry, { live: 'stopped' }));
      expect(document).toMatchObject({ outcome: 'refused', exitCode: 6 });
      expect(document.error?.details.join('\n')).toContain(`(pid ${process.pid}) listens there`);
      expect(changesSince(registry, content)).toEqual([]);
    } finally {
      squatter.close();
      squatter.closeAllConnections();
      await once(squatter, 'close');
    }
  });
});

async function expectBack(registry: TestRegistry, content: Superseded): Promise<void> {
  expect(changesSince(registry, content)).toEqual([]);
  expect(isUnderItsScript(registry)).toBe(true);
  expect(servingPids(registry.configFile)).toHaveLength(1);
  expect(await post(registry.url)).toBe(202);
}

async function expectRefused(
  registry: TestRegistry,
  content: Superseded,
  config: string,
  reason: string,
): Promise<void> {
  const { pid } = registry;
  const document = await runTold(config);
  expect(document).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
  expect(document.error?.details.join('\n')).toContain(reason);
  expect(document.steps.map(({ id }) => id)).not.toContain('stop');
  expect(document.window).toEqual({ readOnlySeconds: 0, unavailableSeconds: 0 });
  expect(changesSince(registry, content)).toEqual([]);
  expect(registry.pid).toBe(pid);
}

/** A proxy that hands on what it is asked with GET and HEAD, and answers all else by itself. */
async function startProxy(
  registry: TestRegistry,
  answer: { readonly 'content-type': string; readonly api: boolean },
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      if (answer.api) response.setHeader('docker-distribution-api-version', 'registry/2.0');
      response.writeHead(405, { 'content-type': answer['content-type'] }).end('{}');
      return;
    }
    try {
      const headers = { accept: request.headers.accept ?? '*/*' };
      const passed = await fetch(new URL(request.url ?? '/', registry.url), {
        method: request.method,
        headers,
      });
      const body = Buffer.from(await passed.arrayBuffer());
      response.writeHead(passed.status, Object.fromEntries(passed.headers)).end(body);
    } catch {
      response.writeHead(502).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Keeps the registry running, whoever ends it; `stop` ends the process, not the supervision. */
async function supervise(registry: TestRegistry) {
  const pidFile = join(registry.directory, 'supervised');
  const script = 'while :; do "$1" serve "$2" & echo $! > "$3"; wait; done';
  const { binary, configFile, environment } = registry;
  const child = spawn('sh', ['-c', script, 'supervisor', binary, configFile, pidFile], {
    detached: true,
    stdio: 'ignore',
    env: environment,
  });
  const exit = once(child, 'exit');
  while ((await get(registry.url)) === undefined) await sleep(10);
  return {
    stop: ['sh', '-c', `kill "$(cat '${pidFile}')"`],
    async [Symbol.asyncDispose]() {
      signal(-(child.pid ?? 0), 'SIGKILL');
      await exit;
      for (const pid of servingPids(configFile)) signal(pid, 'SIGKILL');
      await gone(configFile);
    },
  };
}
