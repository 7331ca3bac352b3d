import { describe, expect, it } from 'vitest';
import { probeRepository, proveReadOnly, proveSilence } from '../../../src/apply/prove.ts';
import { createClient } from '../../../src/registry/client.ts';
import { isRepositoryName } from '../../../src/registry/layout.ts';
import { memoryStorage } from '../../../src/storage/memory.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { faultyStorage } from '../../support/faulty-storage.ts';
import { heldLock } from '../../support/held.ts';
import { at } from '../../support/layout.ts';
import { reply, type Script, serve } from '../registry/scripted-server.ts';

const held = heldLock();
const repository = probeRepository(held.run);
const upload = `/v2/${repository}/blobs/uploads/one`;
const plain = { 'content-type': 'text/plain; charset=utf-8' };
const json = { 'content-type': 'application/json; charset=utf-8' };

/** Asks a server that answers so; gives what it was asked. */
async function prove(script: Script, storage: Storage = memoryStorage()): Promise<readonly string[]> {
  await using server = await serve(script);
  const client = createClient({ url: server.url });
  try {
    await proveReadOnly(client, storage, held);
  } finally {
    await client.close();
  }
  return server.seen.map(({ method, path }) => `${method} ${path}`);
}

/** Answers as something that is no distribution registry would. */
function bare(status: number, headers: Readonly<Record<string, string>>, body = ''): Script {
  return (_request, response) => response.writeHead(status, headers).end(body);
}

describe('the probe', () => {
  it('is content with the refusal of a read-only registry, and asks for nothing but the beginning of an upload', async () => {
    const seen = await prove((_request, response) => reply(response, 405, 'Method not allowed.\n', plain));
    expect(seen).toEqual([`POST /v2/${repository}/blobs/uploads/`]);
  });

  it.each<[string, Script, string]>([
    [
      'a pull-through cache, which refuses in JSON',
      (_request, response) => reply(response, 405, { errors: [{ code: 'UNSUPPORTED' }] }, json),
      'the probe was answered with 405 (application/json, API registry/2.0), not as a read-only registry answers',
    ],
    [
      'a proxy, which knows no API',
      bare(405, plain, 'Method Not Allowed'),
      'the probe was answered with 405 (text/plain, no Docker-Distribution-Api-Version), not as a read-only registry answers',
    ],
    [
      'a web server',
      bare(405, { 'content-type': 'text/html' }, '<h1>405</h1>'),
      'the probe was answered with 405 (text/html, no Docker-Distribution-Api-Version), not as a read-only registry answers',
    ],
    [
      'who names no content type',
      bare(405, { 'docker-distribution-api-version': 'registry/2.0' }),
      'the probe was answered with 405 (no content type, API registry/2.0), not as a read-only registry answers',
    ],
    [
      'who does not find it',
      (_request, response) => reply(response, 404, 'not found', plain),
      'the probe was answered with 404 (text/plain, API registry/2.0), not as a read-only registry answers',
    ],
    [
      'who fails',
      (_request, response) => reply(response, 503, '', plain),
      'the probe was answered with 503 (text/plain, API registry/2.0), not as a read-only registry answers',
    ],
    [
      'who wants to know who asks',
      (_request, response) =>
        reply(response, 401, '', { ...json, 'www-authenticate': 'Basic realm="registry"' }),
      'the probe was answered with 401, which proves nothing',
    ],
    [
      'who lets not everybody push',
      (_request, response) => reply(response, 403, '', json),
      'the probe was answered with 403, which proves nothing',
    ],
  ])('proves nothing about %s', async (_who, script, reason) => {
    await expect(prove(script)).rejects.toMatchObject({
      code: 'FENCE_FAILED',
      exitCode: 5,
      message: `The registry could not be closed to pushes: ${reason}.`,
    });
  });

  /** A registry that takes the upload, into `storage`. */
  function accepts(storage: ReturnType<typeof memoryStorage>, cancel: number): Script {
    return ({ method }, response) => {
      if (method === 'POST') {
        storage.put(`${at.upload(repository, 'one')}/startedat`, '2026-01-15T12:00:00Z');
        storage.mkdir(`${at.upload(repository, 'one')}/hashstates/sha256/`);
        reply(response, 202, '', { location: upload });
      } else {
        reply(response, cancel);
      }
    };
  }

  it.each([
    ['and is taken back', 204],
    ['and is gone already', 404],
  ])('fails when the upload is accepted, removing all that it made (%s)', async (_what, cancel) => {
    const storage = memoryStorage();
    storage.put(at.current('app', 'v1'), 'kept');
    const before = storage.keys();
    await expect(prove(accepts(storage, cancel), storage)).rejects.toMatchObject({
      code: 'FENCE_FAILED',
      message: expect.stringContaining('the instance that should be read-only accepted an upload'),
    });
    expect(storage.keys()).toEqual(before);
  });

  it('takes the upload back where it was told to, before it removes what is left of it', async () => {
    const storage = memoryStorage();
    const asked: string[] = [];
    const script: Script = (request, response) => {
      asked.push(`${request.method} ${request.path}`);
      accepts(storage, 204)(request, response);
    };
    await expect(prove(script, storage)).rejects.toMatchObject({ code: 'FENCE_FAILED' });
    expect(asked).toEqual([`POST /v2/${repository}/blobs/uploads/`, `DELETE ${upload}`]);
  });

  it('says so when what it made cannot be removed', async () => {
    const storage = memoryStorage();
    const faulty = faultyStorage(storage, { method: 'remove', nth: 1, errno: 'EACCES' });
    await expect(prove(accepts(storage, 204), faulty)).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining(at.upload(repository, 'one')),
    });
  });

  it('asks for a repository that is nobody’s, whatever the run is called', () => {
    for (const run of [held.run, '20261120T191500-5F3A9C1E', 'x', 'a.b_c--d']) {
      expect(isRepositoryName(probeRepository(run)), run).toBe(true);
      expect(probeRepository(run)).toMatch(/^registry-cleanup\/probe-/);
    }
    expect(probeRepository('one')).not.toBe(probeRepository('two'));
  });
});

describe('silence', () => {
  async function listen(script: Script): Promise<void> {
    await using server = await serve(script);
    const client = createClient({ url: server.url });
    try {
      await proveSilence(client);
    } finally {
      await client.close();
    }
  }

  it('is when nobody listens', async () => {
    const server = await serve(() => {});
    await server[Symbol.asyncDispose]();
    const client = createClient({ url: server.url });
    await proveSilence(client);
    await client.close();
  });

  it.each([200, 401, 403])('is broken by a registry that answers with %i', async (status) => {
    await expect(
      listen((_request, response) =>
        reply(response, status, '', { 'www-authenticate': 'Basic realm="other"' }),
      ),
    ).rejects.toMatchObject({ code: 'FENCE_FAILED', exitCode: 5 });
  });

  it.each<[string, Script]>([
    ['a proxy that misses the registry behind it', bare(502, { 'content-type': 'text/html' })],
    ['a web server', bare(200, { 'content-type': 'text/html' })],
    ['a registry that fails', (_request, response) => reply(response, 503)],
  ])('is not broken by %s', async (_who, script) => {
    await listen(script);
  });

  it('is broken by one of several that take turns', async () => {
    let turn = 0;
    await expect(
      listen((_request, response) => {
        if (++turn === 3) reply(response, 200, {}, json);
        else response.writeHead(502).end();
      }),
    ).rejects.toMatchObject({ code: 'FENCE_FAILED' });
  });
});
