import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEngine } from '../../../src/docker.ts';
import { engineAddress } from '../../../src/engine/address.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { bytesBetween, httpBetween } from './between.ts';
import { openBoxes, realAddress } from './boxes.ts';
import { type Authority, makeAuthority } from './certificates.ts';
import { serveSsh } from './ssh-server.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The engine that a user would reach with these variables. */
function openBy(env: Readonly<Record<string, string>>): Engine {
  const address = engineAddress(env);
  if (address === undefined) throw new Error('DOCKER_HOST is given');
  return openEngine(address, { seconds: 10 });
}

/** All kinds of calls in one container: questions, streams, a file. */
async function tryAll(engine: Engine): Promise<void> {
  await using boxes = openBoxes(engine);
  const seen: string[] = [];
  const stop = new AbortController();
  await engine.events({
    signal: stop.signal,
    onEvent: ({ action, containerName }) => seen.push(`${action} ${containerName}`),
    onEnded: (reason) => seen.push(reason),
  });
  const box = await boxes.run('echo hello > /file; trap "exit 0" TERM; while :; do sleep 0.1; done');
  await expect.poll(() => seen, { timeout: 20_000 }).toContain(`start ${box}`);
  const lines: string[] = [];
  const { id, output } = await engine.exec(box, ['/bin/sh', '-c', 'cat /file; exit 4'], (line) =>
    lines.push(line),
  );
  await output;
  expect(lines).toEqual(['hello']);
  await expect
    .poll(() => engine.inspectExec(id), { timeout: 20_000 })
    .toEqual({ running: false, exitCode: 4 });
  expect(Buffer.from((await engine.readFile(box, '/file')) ?? []).toString()).toBe('hello\n');
  expect(await engine.logs(box, 5)).toEqual([]);
  await engine.setRestartPolicy(box, { name: 'always', maximumRetryCount: 0 });
  await engine.stop(box);
  expect((await engine.list()).find(({ name }) => name === box)?.state).toBe('exited');
  stop.abort();
}

describe('over TCP', () => {
  test('all works', async () => {
    await using between = await bytesBetween();
    await tryAll(openEngine(between.address));
  });

  test('nobody listens', async () => {
    const between = await bytesBetween();
    await between[Symbol.asyncDispose]();
    await expect(openEngine(between.address).version()).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
      hint: expect.stringContaining('port in DOCKER_HOST'),
    });
  });

  test('the host has no address', async () => {
    await expect(openBy({ DOCKER_HOST: 'tcp://none.invalid:2375' }).version()).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
      hint: expect.stringContaining('host in DOCKER_HOST'),
    });
  });
});

describe('through an HTTP proxy', () => {
  const withoutVersion = (path: string) =>
    path.replace(/^\/engine(?=\/)/, '').replace(/^\/v1\.\d+(?=\/)/, '/v1.30');

  test.each([
    ['only 1.44 and later', { ApiVersion: '1.52', MinAPIVersion: '1.44' }, '1.47'],
    ['1.30 and no more', { ApiVersion: '1.30', MinAPIVersion: '1.12' }, '1.30'],
  ])('all works with an engine that speaks %s, below a path', async (_name, versions, spoken) => {
    const asked = new Set<string>();
    await using between = await httpBetween({
      path(path) {
        asked.add(/^\/engine\/v([\d.]+)\//.exec(path)?.[1] ?? path);
        return withoutVersion(path);
      },
      version: (told) => ({ ...told, ...versions }),
    });
    const engine = openEngine({ ...between.address, prefix: '/engine' });
    expect((await engine.version()).api).toBe(spoken);
    await tryAll(engine);
    expect([...asked]).toEqual(['/engine/version', spoken]);
  });
});

describe('over TLS', () => {
  let ours: Authority;
  let theirs: Authority;
  beforeAll(() => {
    [ours, theirs] = ['ours', 'theirs'].map((name) => {
      mkdirSync(join(directory, name));
      return makeAuthority(join(directory, name), 'localhost');
    }) as [Authority, Authority];
  });
  const open = (port: number, certs: string, host = 'localhost') =>
    openBy({ DOCKER_HOST: `tcp://${host}:${port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certs });
  const demanding = ({ server, ca }: Authority) => ({
    ...server,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
  });

  test('all works with the certificates that both sides know', async () => {
    await using between = await bytesBetween(demanding(ours));
    await tryAll(open(between.address.port, ours.directory));
  });

  test('an engine that another authority vouches for is not trusted', async () => {
    await using between = await bytesBetween(theirs.server);
    const { port } = between.address;
    const error = { code: 'ENGINE_UNREACHABLE', hint: expect.stringContaining('ca.pem that signed') };
    await expect(open(port, ours.directory).version()).rejects.toMatchObject(error);
    const system = openBy({ DOCKER_HOST: `https://localhost:${port}` });
    await expect(system.version()).rejects.toMatchObject(error);
  });

  test('an engine by another name is not trusted', async () => {
    await using between = await bytesBetween(ours.server);
    await expect(open(between.address.port, ours.directory, '127.0.0.1').version()).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
      hint: expect.stringContaining('one that its certificate names'),
    });
  });

  test('an engine that does not take our certificate is told as such', async () => {
    await using between = await bytesBetween({ ...demanding(theirs), ...ours.server });
    await expect(open(between.address.port, ours.directory).version()).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      hint: expect.stringMatching(/cert\.pem/),
    });
  });

  test('an engine that speaks plain HTTP is told as such', async () => {
    await using between = await bytesBetween();
    await expect(open(between.address.port, ours.directory).version()).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      hint: expect.stringContaining('unset DOCKER_TLS_VERIFY'),
    });
  });
});

describe('over SSH', () => {
  test('all works, with a host whose key is known and a key that it takes', async () => {
    const home = join(directory, 'home');
    await using server = await serveSsh({ home, knownAs: 'right' });
    await tryAll(openBy({ HOME: home, DOCKER_HOST: `ssh://somebody@localhost:${server.port}` }));
    expect(server.users()).toEqual(new Set(['somebody']));
  });

  test('a host that shows another key is not trusted', async () => {
    const home = join(directory, 'deceived');
    await using server = await serveSsh({ home, knownAs: 'wrong' });
    const engine = openBy({ HOME: home, DOCKER_HOST: `ssh://somebody@localhost:${server.port}` });
    await expect(engine.version()).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      hint: expect.stringContaining('another key than'),
    });
    expect(server.users()).toEqual(new Set());
  });

  test('a host that does not take our key is told as such', async () => {
    const home = join(directory, 'rejected');
    await using server = await serveSsh({ home, knownAs: 'right' });
    const engine = openBy({ HOME: home, DOCKER_HOST: `ssh://nobody@localhost:${server.port}` });
    await expect(engine.version()).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      hint: expect.stringContaining('Log in with a key that the host takes'),
    });
  });
});

test.runIf(process.getuid?.() === 0)('a socket without rights is told with the group that has them', () => {
  const { path } = realAddress();
  const { gid } = statSync(path);
  const docker = resolve(import.meta.dirname, '../../../src/docker.ts');
  const script = join(directory, 'ask.mjs');
  writeFileSync(
    script,
    `const { openEngine } = await import(${JSON.stringify(docker)});
     const error = await openEngine({ kind: 'socket', shown: 'x', path: ${JSON.stringify(path)} }).version().catch((e) => e);
     console.log(JSON.stringify({ code: error.code, message: error.message, hint: error.hint }));`,
  );
  chmodSync(directory, 0o755);
  const asked = spawnSync(process.execPath, [script], { uid: 65534, gid: 65534, encoding: 'utf8' });
  expect(asked.stderr).toBe('');
  expect(JSON.parse(asked.stdout)).toMatchObject({
    code: 'ENGINE_UNREACHABLE',
    message: expect.stringContaining('EACCES'),
    hint: expect.stringContaining(`group_add: ["${gid}"]`),
  });
});
