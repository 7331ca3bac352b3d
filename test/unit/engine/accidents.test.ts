import { linkSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEngine } from '../../../src/docker.ts';
import { at, type FakeEngines, fakeEngines, refusal, version } from './fake-engines.ts';

/*
 * What a real engine does not do on demand: answer nothing, half, or nonsense; refuse as a proxy does.
 */

let fake: FakeEngines;
beforeEach(() => {
  fake = fakeEngines();
});
afterEach(() => fake[Symbol.asyncDispose]());

describe('an engine that cannot be reached', () => {
  test('because there is no socket', async () => {
    const path = join(fake.directory, 'none.sock');
    const error = await refusal(fake.open(at(path)).version());
    expect(error).toMatchObject({ code: 'ENGINE_UNREACHABLE', exitCode: 1 });
    expect(error.message).toContain(`unix://${path} could not be reached: GET /version: connect ENOENT`);
    expect(error.hint).toMatch(/mount the engine's socket.*DOCKER_HOST/);
  });

  test('because nobody listens on the socket', async () => {
    const path = join(fake.directory, 'stale.sock');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    // Closing removes the file; an engine that is killed does not.
    const kept = join(fake.directory, 'kept.sock');
    linkSync(path, kept);
    await new Promise((resolve) => server.close(resolve));
    const error = await refusal(fake.open(at(kept)).version());
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.hint).toMatch(/nobody listens: start the engine/);
  });

  test('because Compose made a directory where the socket should be', async () => {
    const path = join(fake.directory, 'made.sock');
    mkdirSync(path);
    const error = await refusal(fake.open(at(path)).version());
    expect(error.hint).toMatch(/is no socket.*remove it/);
  });

  test('because it never answers: every question has its deadline', async () => {
    const engine = fake.open(at(await fake.listen(() => {})), 0.2);
    const error = await refusal(engine.version());
    expect(error).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    expect(error.message).toContain('GET /version: no answer within 0.2 s');
  });

  test('because it never goes on, in the middle of an answer', async () => {
    let closed = false;
    const engine = await fake.answering((request, response) => {
      request.socket.once('close', () => {
        closed = true;
      });
      response.write('[{"Id":"');
    }, 0.3);
    expect((await refusal(engine.list())).message).toContain('GET /containers/json: no answer within 0.3 s');
    await expect.poll(() => closed).toBe(true);
  });

  test('because the connection is cut before an answer', async () => {
    const before = await fake.answering((request) => request.socket.destroy());
    expect(await refusal(before.list())).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });

  test('because the connection is cut in the middle of an answer', async () => {
    for (const headers of [{ 'content-length': '1000' }, { 'transfer-encoding': 'chunked' }]) {
      const engine = await fake.answering((request, response) => {
        response.writeHead(200, headers);
        response.write('[{"Id":"', () => setTimeout(() => request.socket.destroy(), 20));
      });
      expect(await refusal(engine.list())).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    }
  });

  test('is asked its version again by the next call', async () => {
    let calls = 0;
    const path = await fake.listen((socket) => {
      calls += 1;
      if (calls === 1) return socket.destroy();
      socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${JSON.stringify(version)}`);
      return;
    });
    const engine = fake.open(at(path));
    await refusal(engine.version());
    expect(await engine.version()).toEqual({ version: '27.0.0', api: '1.46' });
  });
});

describe('an answer that is none', () => {
  test.each([
    ['not JSON', '<html>hello</html>'],
    ['another shape', '{"Id":"x"}'],
    ['a list of nonsense', '[null]'],
    ['a container without a state', '[{"Id":"x"}]'],
  ])('is an error: %s', async (_name, body) => {
    const engine = await fake.answering((_request, response) => response.end(body));
    const error = await refusal(engine.list());
    expect(error).toMatchObject({ code: 'ENGINE_ANSWERED' });
    expect(error.message).toContain('GET /containers/json was answered by the Docker Engine with 200');
  });

  test('does not pass for a container that does not run', async () => {
    const whole = {
      Id: 'x',
      Config: {},
      HostConfig: {},
      State: { Status: 'exited', Running: false, ExitCode: 0 },
    };
    const { Running: _, ...State } = whole.State;
    for (const body of [{}, { ...whole, State }, { ...whole, State: { ...State, Running: 'no' } }]) {
      const engine = await fake.answering((_request, response) => response.end(JSON.stringify(body)));
      expect(await refusal(engine.inspect('x'))).toMatchObject({ code: 'ENGINE_ANSWERED' });
    }
  });
});

describe('a call that is forbidden', () => {
  test.each([
    [
      'by HAProxy',
      403,
      'text/html',
      '<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>',
    ],
    [
      'by nginx',
      403,
      'text/html',
      '<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body><center><h1>403 Forbidden</h1></center></body></html>',
    ],
    ['by a proxy in Go', 405, 'text/plain', 'Method not allowed'],
    ['by a plugin', 403, 'application/json', '{"message":"authorization denied by plugin opa: no"}'],
  ])('%s is named, with the place where all are listed', async (_name, status, type, body) => {
    const engine = await fake.answering((_request, response) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    });
    const error = await refusal(engine.stop('registry', 1));
    expect(error.message).toMatch(
      /^POST \/containers\/registry\/stop was answered by the Docker Engine with 40[35]: [^<>]+\.$/,
    );
    expect(error.hint).toMatch(/allow POST \/containers\/registry\/stop there\. compose\/socket-proxy\.yml/);
  });

  test('by the engine itself is told in its words', async () => {
    const message = 'endpoint with name x already exists in network y';
    const engine = await fake.answering((_request, response) => {
      response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
    });
    const error = await refusal(engine.connect('y', 'x', {}));
    expect(error.message).toContain(`403: ${message}`);
    expect(error.hint).not.toContain('proxy');
  });
});

describe('names', () => {
  test.each(['', '..', 'a/b', 'a?b', 'a b', '../../secrets'])('%j leads nowhere', async (name) => {
    const asked: string[] = [];
    const engine = await fake.answering((request, response) => {
      asked.push(request.url ?? '');
      response.end('{}');
    });
    expect(await engine.inspect(name)).toBeUndefined();
    expect(await engine.readFile(name, '/etc/hostname')).toBeUndefined();
    expect(await refusal(engine.start(name))).toMatchObject({ code: 'USAGE' });
    expect(await refusal(engine.logs(name, 1))).toMatchObject({ code: 'USAGE' });
    expect(await refusal(engine.connect(name, 'x', {}))).toMatchObject({ code: 'USAGE' });
    expect(asked).toEqual([]);
  });
});

test('the environment of the process does not leak into the address', async () => {
  const before = { ...process.env };
  Object.assign(process.env, {
    DOCKER_HOST: 'tcp://127.0.0.1:1',
    DOCKER_PATH_PREFIX: '/elsewhere',
    DOCKER_CLIENT_TIMEOUT: '1',
    DOCKER_TLS_VERIFY: '1',
  });
  try {
    const engine = await fake.answering((request, response) => {
      setTimeout(() => response.end(JSON.stringify([{ Id: request.url, State: 'running' }])), 100);
    });
    expect((await engine.list())[0]?.id).toMatch(/^\/v1\.46\/containers\/json\?/);
    process.env.DOCKER_CERT_PATH = '/nonexistent';
    expect(() => openEngine(at('/x'))).toThrow(/configuration is not valid/);
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
});
